"""Duplicates: what a source published within a window of time, so that a record that is sent again is known.

Sensors resend what nobody acknowledged; of each event only digests are kept.
"""

import hashlib
from collections import deque
from collections.abc import Mapping
from enum import Enum
from typing import Any

from ..schemas.avro_paths import getter
from ..schemas.codec import Codec
from ..schemas.confluent_wire import unframe
from ..schemas.contract import DataContract
from ..schemas.errors import RecordError

MOST_IDS = 1_000_000
_ID_BYTES = 15  # with its object's head 48 bytes of memory, as many as the value beside it
_CONTENT_BYTES = 9
_MS_BYTES = 6
SECRET_BYTES = 16


class Match(Enum):
    """How an event stands to what was published under its id within the window."""

    NEW = "nothing was"
    SAME = "the same content was"
    OTHER = "other content was"


class Window:
    """Event ids that were published in the last `window_ms`, each with a digest of its event's content.

    Bounded: the last `most` ids are known, however long the window is. The digests are keyed (BLAKE2b, `secret`), so
    that nobody can choose two events that look alike. Not thread-safe.
    """

    def __init__(self, window_ms: int, secret: bytes, most: int = MOST_IDS) -> None:
        self.window_ms = window_ms
        self.most = most
        # Copying a keyed hash costs less than making one.
        self._ids = hashlib.blake2b(digest_size=_ID_BYTES, key=secret, person=b"id")
        self._contents = hashlib.blake2b(digest_size=_CONTENT_BYTES, key=secret, person=b"content")
        self._known: dict[bytes, bytes] = {}
        self._oldest: deque[bytes] = deque()

    @property
    def count(self) -> int:
        """How many ids are in memory."""
        return len(self._known)

    def id_digest(self, event_id: str) -> bytes:
        digest = self._ids.copy()
        digest.update(event_id.encode())
        return digest.digest()

    def content_digest(self, content: bytes) -> bytes:
        """Return the digest of an event as encoded, schema id included."""
        digest = self._contents.copy()
        digest.update(content)
        return digest.digest()

    def content_of(self, id_digest: bytes, now_ms: int) -> bytes | None:
        """Return the content that was published under an id, None when nothing was within the window."""
        found = self._known.get(id_digest)
        if found is None or now_ms - int.from_bytes(found[_CONTENT_BYTES:], "big") >= self.window_ms:
            return None
        return found[:_CONTENT_BYTES]

    def remember(self, published: Mapping[bytes, bytes], at_ms: int) -> None:
        """Know from now on what was published at an instant: digests of contents by those of ids."""
        self._forget(at_ms)  # an id whose time is over takes its place anew, at the end
        at = max(at_ms, 0).to_bytes(_MS_BYTES, "big")
        for id_digest, content in published.items():
            if id_digest not in self._known:
                self._oldest.append(id_digest)
            self._known[id_digest] = content + at
        self._forget(at_ms)

    def settle(self, now_ms: int) -> None:
        """Bring into order what was remembered out of it, as partitions give it."""
        self._oldest = deque(sorted(self._oldest, key=lambda one: self._known[one][_CONTENT_BYTES:]))
        self._forget(now_ms)

    def _forget(self, now_ms: int) -> None:
        limit = max(now_ms - self.window_ms, 0).to_bytes(_MS_BYTES, "big")
        while self._oldest:
            first = self._oldest[0]
            if len(self._known) <= self.most and self._known[first][_CONTENT_BYTES:] > limit:
                return
            del self._known[self._oldest.popleft()]


class Attempt:
    """Judges the events of one batch against the window and each other; only what is committed is kept."""

    def __init__(self, window: Window, at_ms: int) -> None:
        self._window = window
        self._at_ms = at_ms
        self._fresh: dict[bytes, bytes] = {}

    def match(self, event_id: str, content: bytes) -> Match:
        """Say how an event stands to what was published; one that is new is taken for published from here on."""
        id_digest, digest = self._window.id_digest(event_id), self._window.content_digest(content)
        known = self._fresh.get(id_digest) or self._window.content_of(id_digest, self._at_ms)
        if known is None:
            self._fresh[id_digest] = digest
            return Match.NEW
        return Match.SAME if known == digest else Match.OTHER

    def keep(self) -> None:
        """The batch is committed."""
        self._window.remember(self._fresh, self._at_ms)


class Recollection:
    """Fills a window from records of the provider topic, as they lie there."""

    def __init__(self, contract: DataContract, writers: Mapping[int, Mapping[str, Any]], window: Window) -> None:
        self._window = window
        self._event_id = getter(contract.event_id)
        self._flags = contract.quality_flags
        self._writers = writers
        self._codecs: dict[int, Codec] = {}

    def recall(self, value: bytes | None, at_ms: int) -> None:
        """Remember a record that was published at an instant. One that is no event of the contract is passed over."""
        try:
            event_id, content = self._read(value or b"")
        except (RecordError, KeyError):
            return
        known = {self._window.id_digest(event_id): self._window.content_digest(content)}
        self._window.remember(known, at_ms)

    def _read(self, value: bytes) -> tuple[str, bytes]:
        """Return an event's id and its content: the record as it was before quality flags were put in.

        Raises RecordError, and KeyError for a schema that `apply` never brought.
        """
        schema_id, payload = unframe(value)
        if schema_id not in self._codecs:
            self._codecs[schema_id] = Codec(self._writers[schema_id])
        codec = self._codecs[schema_id]
        event = codec.decode(payload)
        if self._flags and event.get(self._flags):
            value = value[: -len(payload)] + codec.encode({**event, self._flags: []})
        return str(self._event_id(event)), value
