"""The command line; one file for each family of commands."""

from .app import main

__all__ = ["main"]
