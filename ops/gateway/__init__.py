"""The gateway: schema registry and keys over HTTP."""
