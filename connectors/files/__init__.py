"""The file source: an agency drops files, every row of every file is published exactly once."""
