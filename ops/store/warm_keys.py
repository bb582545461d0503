"""Keys of data subjects at hand: as raw bytes, since objects would take four times the memory."""

import time
from collections.abc import Callable, Collection, Sequence
from typing import cast

from ...processors.keys import KEY_BYTES
from ...schemas.encrypted import HANDLE_BYTES
from ...schemas.ports import SubjectKey, SubjectWant

_KEY = slice(HANDLE_BYTES, HANDLE_BYTES + KEY_BYTES)
_REKEY = slice(_KEY.stop, _KEY.stop + KEY_BYTES)
_PSEUDONYM = slice(_REKEY.stop, None)

_NOTHING: dict[bytes, bytes] = {}

Held = dict[tuple[str, str], dict[bytes, bytes]]
"""By domain and agreement, the raw key of each subject."""


class WarmKeys:
    """At most `limit` keys, none given out when older than `max_age_s`; most are kept for half as long at least.

    Two generations: what is put goes into the young one, and when that is half as old, or half as large, as both may
    become, it is the old one, and the old one is forgotten. So erased keys leave by age, without a look at each.
    Not thread-safe. About 200 bytes for each key.
    """

    def __init__(self, limit: int, max_age_s: float, clock: Callable[[], float] | None = None) -> None:
        self._limit = limit
        self._max_age_s = max_age_s
        self._clock = clock or time.monotonic
        self._young: Held = {}
        self._old: Held = {}
        self._count = 0
        self._young_since = self._old_since = self._clock()

    def many(self, wants: Collection[SubjectWant]) -> tuple[dict[SubjectWant, SubjectKey], list[SubjectWant]]:
        """Return the keys that are at hand, and the wants whose keys are not."""
        self.forget_old()
        found: dict[SubjectWant, SubjectKey] = {}
        missing: list[SubjectWant] = []
        nothing: dict[bytes, bytes] = {}
        scopes: dict[tuple[str, str], tuple[dict[bytes, bytes], dict[bytes, bytes]]] = {}
        for want in wants:
            subject, domain, agreement = want
            scope = domain, agreement
            held = scopes.get(scope)
            if held is None:
                held = scopes[scope] = self._young.get(scope, nothing), self._old.get(scope, nothing)
            raw = held[0].get(subject) or held[1].get(subject)
            if raw is None:
                missing.append(want)
            else:
                found[want] = SubjectKey(raw[:HANDLE_BYTES], raw[_KEY], raw[_PSEUDONYM].decode(), raw[_REKEY])
        return found, missing

    def at_hand(self, domain: str, agreement: str, subjects: Sequence[bytes | None]) -> list[bytes | None]:
        """Return the raw keys of one agreement that are at hand, for each of `subjects`."""
        self.forget_old()
        young, old = (held.get((domain, agreement), _NOTHING) for held in (self._young, self._old))
        asked = cast("Sequence[bytes]", subjects)  # nobody has no key either
        found = list(map(young.get, asked))
        if not old or None not in found:
            return found
        return [old.get(subject) if raw is None else raw for raw, subject in zip(found, asked, strict=True)]

    def put(self, want: SubjectWant, key: SubjectKey) -> None:
        """Keep a key; with a limit of 0, none."""
        if not self._limit:
            return
        raw = key.handle + key.key + key.rekey + key.pseudonym.encode()
        self._young.setdefault((want.domain, want.agreement), {})[want.subject] = raw
        self._count += 1
        if self._count >= self._limit // 2:
            self._age()

    def forget(self, subjects: Collection[bytes]) -> None:
        """Drop whatever there is of `subjects`, in every domain."""
        for held in (*self._young.values(), *self._old.values()):
            for subject in subjects:
                held.pop(subject, None)

    def __len__(self) -> int:
        return sum(len(held) for one in (self._young, self._old) for held in one.values())

    def forget_old(self) -> None:
        """Drop what is too old now; `many` does it, too."""
        now = self._clock()
        if now - self._young_since >= self._max_age_s / 2:
            self._age()
        if now - self._old_since >= self._max_age_s:
            self._old = {}

    def _age(self) -> None:
        self._old, self._young = self._young, {}
        self._old_since, self._young_since = self._young_since, self._clock()
        self._count = 0
