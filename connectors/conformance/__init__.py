"""The conformance kit: whether a source is what the publisher relies on."""
