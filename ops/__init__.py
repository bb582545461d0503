"""What runs it: command line, wiring, supervisor, gateway, stores, broker, documents on disk."""
