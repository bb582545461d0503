"""The keys of a batch: those at hand in one call for each agreement, the others as event by event."""

from collections.abc import Iterable, Mapping, Sequence

from ...schemas.ports import KeysAtHand, KeyStore, SubjectKey, SubjectWant
from .extension import Key

Subjects = Sequence[bytes | None]
"""By event, the data subject whose keys a view takes; None where it takes none."""

Scope = tuple[str, str]
"""Linkage domain and agreement."""


class Keys(dict[SubjectWant, SubjectKey]):
    """Keys of data subjects, asked for where nobody did yet."""

    def __init__(self, store: KeyStore, found: Mapping[SubjectWant, SubjectKey]) -> None:
        super().__init__(found)
        self._store = store

    def __missing__(self, want: SubjectWant) -> SubjectKey:
        self.update(self._store.subject_keys([want]))
        if want not in self:
            raise KeyError(want.agreement)
        return self[want]


def batch_keys(
    store: KeyStore, wanted: Sequence[tuple[Scope, Sequence[Subjects]]], more: Iterable[SubjectWant]
) -> tuple[Keys, list[list[list[Key | None]]]]:
    """Return the keys that had to be asked for, `more` among them, and those of each event, by view and data subject.

    The store is asked once. Raises as `KeyStore.subject_keys`.
    """
    held = [[_at_hand(store, scope, column) for column in columns] for scope, columns in wanted]
    missing = set(more)
    for (scope, columns), found in zip(wanted, held, strict=True):
        for column, raw in zip(columns, found, strict=True):
            missing |= {want for _, want in _missing(scope, column, raw)}
    keys = Keys(store, store.subject_keys(missing))
    for (scope, columns), found in zip(wanted, held, strict=True):
        for column, raw in zip(columns, found, strict=True):
            for number, want in _missing(scope, column, raw):
                raw[number] = keys.get(want)
    return keys, held


def _at_hand(store: KeyStore, scope: Scope, subjects: Subjects) -> list[Key | None]:
    if isinstance(store, KeysAtHand):
        return [*store.at_hand(*scope, subjects)]
    return [None] * len(subjects)


def _missing(scope: Scope, subjects: Subjects, raw: Sequence[Key | None]) -> Iterable[tuple[int, SubjectWant]]:
    """Yield the events whose key is not there, and what to ask for."""
    if raw.count(None) == subjects.count(None):
        return
    domain, agreement = scope
    for number, (subject, key) in enumerate(zip(subjects, raw, strict=True)):
        if key is None and subject is not None:
            yield number, SubjectWant(subject, domain, agreement)
