"""The edge: one file for each kind of source, found by the entry point `penstock.connectors`."""
