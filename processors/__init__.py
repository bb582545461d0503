"""Verbs that decide, protect and derive; pure: clock, randomness and keys come in as arguments."""
