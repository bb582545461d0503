"""Roles: one file for each kind of process."""
