"""Sizes that hold everywhere."""

MAX_RECORD_BYTES = 1_000_000
"""Largest key plus value that any of our topics takes. A larger one is refused before it is sent."""
