"""The stated subset of CEL (Common Expression Language), compiled to closures; `docs/agreements.md` lists it."""
