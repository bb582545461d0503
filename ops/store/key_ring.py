"""One owner's store keys in memory: opened by its KMS, good for a time, opened again before that is over."""

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from sqlalchemy import Engine, func, select

from ...schemas.errors import KeyUnavailableError, OwnerKeysError, PenstockError, UnavailableError
from ...schemas.ports import Kms
from ..clock import now_ms
from .engine import insert_new, reading, writing
from .tables import store_keys

COUNT = 4
MAX_AGE_S = 15 * 60
LOOK_S = 15.0
"""So often it is looked whether there are other store keys: a new one is used everywhere within twice that."""
PAUSE_S = 1.0
"""So long a KMS that failed is not asked again."""
KEY_BYTES = 32

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opened:
    """Store keys by their ids, as one visit to the KMS opened them; `at` is monotonic seconds."""

    keys: dict[int, bytes]
    at: float


class _Stored(NamedTuple):
    """A store key's row; retired keys wrap nothing new."""

    wrapped: bytes
    retired_ms: int | None


class KeyRing:
    """The store keys of `owner`. One thread asks; the KMS is asked by that or by a thread beside it.

    Keys are good for `limit_s` after the KMS opened them. From half of that on they are opened again beside the work,
    so that a KMS which is away holds nobody up before the limit. After it nothing is wrapped or opened: that is what
    the KMS said for the ecosystem's own keys (the empty owner), and OwnerKeysError for a member's.
    """

    def __init__(self, engine: Engine, owner: str, kms: Callable[[], Kms], limit_s: float = MAX_AGE_S) -> None:
        self.owner = owner
        self._engine = engine
        self._kms = kms
        self._limit_s = limit_s
        self._opened = Opened({}, 0.0)
        self._rows: dict[int, _Stored] = {}
        self._looked = -LOOK_S
        self._failed: tuple[float, PenstockError] | None = None
        self._beside: threading.Thread | None = None

    @property
    def age_s(self) -> float:
        """How long ago the KMS opened the keys; 0 while none was needed."""
        return self._age() if self._opened.keys else 0.0

    def active(self) -> dict[int, bytes]:
        """Return the keys that wrap what is new, made if there are none."""
        self._look()
        if not any(row.retired_ms is None for row in self._rows.values()):
            self.make_missing()
            self._look(again=True)
        numbers = {number for number, row in self._rows.items() if row.retired_ms is None}
        # While a new key cannot be opened yet, those before it, which can, go on.
        keys = self._current(numbers)
        return {number: keys[number] for number in numbers & keys.keys()} or keys

    def key(self, number: int) -> bytes:
        """Return one key, retired or not."""
        self._look(again=number not in self._rows)
        if number not in self._rows:
            raise KeyUnavailableError(f"store key {number} is missing", remedy="restore the store from one backup")
        keys = self._current({number})
        if number not in keys:
            raise self._why()
        return keys[number]

    def make_missing(self) -> None:
        """Make the owner's first store keys unless there are some."""
        with reading(self._engine) as connection:
            there = connection.execute(select(store_keys.c.id).where(store_keys.c.owner == self.owner)).first()
        if not there:
            self._add(retire=False)

    def rotate(self) -> int:
        """Make new store keys, which wrap from now on, and retire those before; return how many were retired."""
        return self._add(retire=True)

    def rewrap(self, told: Callable[[int, int], None]) -> int:
        """Wrap each store key by the newest KEK, in a transaction of its own; `told` hears how many of how many.

        Interrupted, it is done again from the start: a store key that was rewrapped opens as before.
        """
        with reading(self._engine) as connection:
            asked = select(store_keys.c.id, store_keys.c.wrapped).where(store_keys.c.owner == self.owner)
            rows = connection.execute(asked.order_by(store_keys.c.id)).all()
        kms = self._kms()
        for done, row in enumerate(rows, start=1):
            context = context_of(self.owner, row.id)
            wrapped = kms.wrap(kms.unwrap(row.wrapped, context), context)
            this = (store_keys.c.id == row.id) & (store_keys.c.wrapped == row.wrapped)
            with writing(self._engine) as connection:
                connection.execute(store_keys.update().where(this).values(wrapped=wrapped))
            told(done, len(rows))
        return len(rows)

    def _add(self, *, retire: bool) -> int:
        """Insert COUNT keys under the next ids. Another process that does the same at once goes first: then it did."""
        with reading(self._engine) as connection:
            last = connection.execute(select(func.max(store_keys.c.id))).scalar() or 0
        numbers = range(last + 1, last + 1 + COUNT)
        now = now_ms()
        rows = self._asked(lambda: [self._fresh(self._kms(), one, now) for one in numbers])
        mine = (store_keys.c.owner == self.owner) & (store_keys.c.id <= last) & store_keys.c.retired_ms.is_(None)
        with writing(self._engine) as connection:
            insert_new(connection, store_keys, rows)
            kept = connection.execute(select(store_keys.c.owner).where(store_keys.c.id == numbers[0])).scalar()
            if kept == self.owner:
                retired = store_keys.update().where(mine).values(retired_ms=now)
                return connection.execute(retired).rowcount if retire else 0
        return self._add(retire=retire)  # another owner took these ids

    def _fresh(self, kms: Kms, number: int, now: int) -> dict[str, object]:
        wrapped = kms.wrap(secrets.token_bytes(KEY_BYTES), context_of(self.owner, number))
        return {"id": number, "wrapped": wrapped, "owner": self.owner, "made_ms": now}

    def _look(self, *, again: bool = False) -> None:
        """Read the owner's rows if they were not read for LOOK_S, or `again`."""
        now = time.monotonic()
        if now - self._looked < LOOK_S and not again:
            return
        columns = store_keys.c.id, store_keys.c.wrapped, store_keys.c.retired_ms
        with reading(self._engine) as connection:
            rows = connection.execute(select(*columns).where(store_keys.c.owner == self.owner)).all()
        self._rows = {row.id: _Stored(row.wrapped, row.retired_ms) for row in rows}
        self._looked = now

    def _current(self, numbers: set[int]) -> dict[int, bytes]:
        """Return the open keys, `numbers` among them if the KMS opens them. Raises when none are within the limit."""
        complete = numbers <= self._opened.keys.keys()
        if complete and self._age() <= self._limit_s / 2:
            return self._opened.keys
        if self._failed is None and not (complete and self._age() <= self._limit_s):
            self._open()
        else:
            # There is time, or the KMS is known to be away: the work does not wait for as long as asking may take.
            self._open_beside()
        if self._age() > self._limit_s:
            raise self._why()
        return self._opened.keys

    def _age(self) -> float:
        return time.monotonic() - self._opened.at if self._opened.keys else math.inf

    def _why(self) -> PenstockError:
        failed = self._failed
        return self._in_our_words(failed[1] if failed else UnavailableError("the KMS has opened no store keys yet"))

    def _open_beside(self) -> None:
        failed = self._failed
        rests = failed is not None and time.monotonic() - failed[0] < PAUSE_S
        if rests or (self._beside is not None and self._beside.is_alive()):
            return
        self._beside = threading.Thread(target=self._open, name=f"store-keys-{self.owner or 'ecosystem'}", daemon=True)
        self._beside.start()

    def _open(self) -> None:
        """Ask the KMS for every key of the owner; all or none count as opened now."""
        rows = dict(self._rows)
        try:
            kms = self._kms()
            keys = {number: kms.unwrap(row.wrapped, context_of(self.owner, number)) for number, row in rows.items()}
        except PenstockError as failure:
            if self._failed is None:
                log.warning("store keys of %s: %s", self.owner or "the ecosystem", failure)
            self._failed = time.monotonic(), failure
        else:
            if self._failed is not None:
                log.warning("store keys of %s: the KMS opens them again", self.owner or "the ecosystem")
            self._opened, self._failed = Opened(keys, time.monotonic()), None

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except PenstockError as failure:
            raise self._in_our_words(failure) from None

    def _in_our_words(self, failure: PenstockError) -> PenstockError:
        if not self.owner:
            return failure
        place = f"the KMS of {self.owner}"
        message = f"{failure.place}: {failure.message}" if failure.place else failure.message
        return OwnerKeysError(message, place=place, remedy=failure.remedy)


def context_of(owner: str, number: int) -> bytes:
    """Return what a store key's wrapping is bound to."""
    return f"store key {number} of {owner}".encode() if owner else f"store key {number}".encode()
