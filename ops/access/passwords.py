"""Passwords of Kafka's users that this ecosystem keeps for itself: one file each, readable by its owner only."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


class Passwords:
    """The folder of an ecosystem's Kafka passwords. Files, since every role of one machine needs its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, principal: str) -> str | None:
        """Return a principal's password, None when none lies here."""
        try:
            return (self._folder / principal).read_text(encoding="ascii").strip() or None
        except FileNotFoundError:
            return None

    def keep(self, principal: str, password: str) -> None:
        """Keep a password, in place of the one before; a reader never sees half of it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._folder / f".{principal}.{os.getpid()}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(password + "\n")
        fresh.replace(self._folder / principal)

    def of_or_new(self, principal: str) -> str:
        """Return a principal's password; one that has none gets one."""
        found = self.of(principal)
        if found is None:
            found = new_password()
            self.keep(principal, found)
        return found

    def forget(self, principal: str) -> None:
        (self._folder / principal).unlink(missing_ok=True)

    def forget_all(self) -> None:
        """Forget them all: their cluster is gone."""
        for path in self._folder.glob("[!.]*"):
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes of this ecosystem from making passwords meanwhile."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def new_password() -> str:
    """Return 32 random bytes as text without signs that any configuration file would have to quote."""
    return secrets.token_urlsafe(32)
