"""The documents of an ecosystem on disk: loading, checking, scenarios, signing, planning."""
