"""What an embedded Kafka refused, counted from its log: it keeps no such count by itself."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

UNKNOWN = "unknown"
AUTHENTICATION, AUTHORIZATION = "authentication", "authorization"

_OLDEST = 4
_PARTS = re.compile(
    rb" (?:kafka\.authorizer\.logger Principal = User:(?P<principal>\S+) is Denied operation = (?P<operation>\S+)"
    rb" from host = \S+ on resource = (?P<resource>\S+)"
    rb"|org\.apache\.kafka\.common\.network\.Selector \[SocketServer [^\]]*\] "
    rb"(?P<login>Failed authentication with|Unexpected error from))"
)
_SIGNS = (b"is Denied operation", b"Failed authentication with", b"Unexpected error from")


class KafkaRefusals:
    """Follows a broker's log from where it is now, over rotations.

    Who fails to log in is not in the log: it counts as `unknown`, as does a principal that `known` does not name. A
    client without SASL is hung up on, and counts as a failed login. A count for watching, not evidence: who may log in
    can write names of groups that look like lines of the log.
    """

    def __init__(self, log: Path, known: Callable[[], frozenset[str]]) -> None:
        self._log = log
        self._known = known
        self._file: IO[bytes] | None = None
        self._rest = b""
        self._open_at_end()

    def poll(self) -> list[tuple[str, str, int]]:
        """Return (principal, reason, number) of what was refused since the last call."""
        found = Counter((principal, reason) for principal, reason, _ in self.lines())
        if not found:
            return []
        known = self._known()
        named: Counter[tuple[str, str]] = Counter()
        for (principal, reason), number in found.items():
            named[principal if principal in known else UNKNOWN, reason] += number
        return [(*key, number) for key, number in named.items()]

    def lines(self) -> Iterator[tuple[str, str, str]]:
        """Yield (principal, reason, `OPERATION Type:PATTERN:name`) of each refusal since the last call."""
        for data in self._data():
            *whole, self._rest = (self._rest + data).split(b"\n")
            yield from filter(None, map(_refusal, whole))

    def _data(self) -> Iterator[bytes]:
        if self._file is None and not self._open(self._log):
            return
        while self._file is not None:
            if data := self._file.read(1 << 20):
                yield data
            elif (newer := self._newer()) is None or not self._open(newer):
                return

    def _newer(self) -> Path | None:
        """Return the log after the one at hand, once that is rotated and read to its end; None while it is the newest.

        Kafka's logger renames: what was `broker.0.log` is `broker.1.log` then, the oldest falls away.
        """
        ours = None if self._file is None else os.fstat(self._file.fileno()).st_ino
        names = [self._log.with_name(f"broker.{number}.log") for number in range(_OLDEST + 1)]
        there = [_inode(name) for name in names]
        if there[0] is None or ours == there[0]:
            return None
        if ours in there:
            return names[there.index(ours) - 1]
        return next(name for name, inode in reversed(list(zip(names, there, strict=True))) if inode is not None)

    def _open_at_end(self) -> None:
        if self._open(self._log) and self._file is not None:
            self._file.seek(0, os.SEEK_END)

    def _open(self, path: Path) -> bool:
        self.close()
        self._rest = b""
        try:
            self._file = path.open("rb")
        except FileNotFoundError:
            return False
        return True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _refusal(line: bytes) -> tuple[str, str, str] | None:
    if not any(sign in line for sign in _SIGNS):  # almost all lines end here
        return None
    found = _PARTS.search(line)
    if found is None:
        return None
    if found["login"]:
        return UNKNOWN, AUTHENTICATION, ""
    words = (found[name].decode(errors="replace") for name in ("principal", "operation", "resource"))
    principal, operation, resource = words
    return principal, AUTHORIZATION, f"{operation} {resource}"


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
