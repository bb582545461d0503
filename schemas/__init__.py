"""Every promise as data: documents, Avro, wire forms, reasons, ports, errors."""
