"""What must be deletable or guarded: keys, pseudonyms, secrets, tokens, in one SQL store behind a KMS."""
