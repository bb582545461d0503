"""The HTTP source: senders post events and hear 202 when they are committed."""
