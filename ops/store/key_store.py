"""The key store: data subjects' keys and pseudonyms, secrets, and keys of data without a subject.

A subject's row holds, wrapped: DEK (32) ‖ re-keying key (32) ‖ pseudonym (16), all random, so that deleting the row is
erasing them. Rows are made by insert-or-read in one SQL transaction: any number of processes get the same.
"""

import base64
import secrets
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, select

from ...processors.keys import KEY_BYTES, agreement_key
from ...schemas.encrypted import HANDLE_BYTES
from ...schemas.erasure import Ordered
from ...schemas.ports import Kms, SubjectKey, SubjectWant
from .cache import AgeingCache
from .engine import insert_new, reading, writing
from .erasing import destroy
from .store_keys import StoreKeys
from .tables import handles, subjects
from .tables import secrets as secret_rows
from .warm_keys import WarmKeys

PSEUDONYM_BYTES = 16
MATERIAL_BYTES = 2 * KEY_BYTES + PSEUDONYM_BYTES
VERSION = 1
CHUNK = 400
MOST_CACHED = 500_000

Subject = tuple[bytes, str]
"""A data subject in a linkage domain: keyed reference and domain."""


class SqlKeyStore:
    """Implements the ports `KeyStore`, `KeysAtHand` and `Erasing` over SQL.

    Safe for several processes; one lock for the threads of one.
    """

    def __init__(self, engine: Engine, kms: Kms, *, cached: int = MOST_CACHED, max_age_s: float = 300) -> None:
        self._engine = engine
        self._lock = threading.RLock()
        self._store_keys = StoreKeys(engine, kms)
        self._warm = WarmKeys(cached, max_age_s)
        self._secrets: AgeingCache[str, bytes] = AgeingCache(1_000, max_age_s)

    def reference_secret(self) -> bytes:
        return self._secret("reference")

    def noise_secret(self, dataset: str, period: str) -> bytes:
        return self._secret(f"noise/{dataset}/{period}")

    def registry_secret(self) -> bytes:
        """Return the secret by which the gateway knows our own roles (see `role_pass`)."""
        return self._secret("registry")

    def subject_keys(self, wants: Collection[SubjectWant]) -> Mapping[SubjectWant, SubjectKey]:
        """Return keys for all `wants`; those that are missing are made, and durable before this returns."""
        with self._lock:
            found, missing = self._warm.many(wants)
            if missing:
                made = self._load(missing)
                for want, key in made.items():
                    self._warm.put(want, key)
                found.update(made)
            return found

    def at_hand(self, domain: str, agreement: str, subjects: Sequence[bytes | None]) -> list[bytes | None]:
        """Implement `KeysAtHand`."""
        with self._lock:
            return self._warm.at_hand(domain, agreement, subjects)

    def erase(self, orders: Sequence[Ordered]) -> None:
        """Implement `Erasing`."""
        with self._lock:
            destroy(self._engine, self._store_keys, orders)
            self._warm.forget({subject for one in orders for subject in one.order.subjects})

    def bulk_key(self, scope: str, worker: str) -> tuple[bytes, bytes]:
        """Return (handle, key), new with every call; `worker` only tells people whose it was."""
        handle, key = secrets.token_bytes(HANDLE_BYTES), secrets.token_bytes(KEY_BYTES)
        with self._lock:
            number, wrapped = self._store_keys.wrap(key, b"bulk", scope.encode(), handle)
            row = _handle_row(handle, scope, None, worker)
            with writing(self._engine) as connection:
                connection.execute(handles.insert(), {**row, "store_key": number, "wrapped": wrapped})
        return handle, key

    def open_keys(self, agreement: str, wanted: Collection[bytes]) -> Mapping[bytes, bytes]:
        """Return the keys of those handles that belong to `agreement`; the others are absent."""
        with self._lock, reading(self._engine) as connection:
            rows = [
                row
                for part in _chunks(list(wanted))
                for row in connection.execute(
                    select(handles).where(handles.c.agreement == agreement, handles.c.handle.in_(part))
                )
            ]
            keys = {row.handle: self._bulk(row) for row in rows if row.wrapped is not None}
            of_subjects = [row for row in rows if row.wrapped is None]
            material = self._read(connection, {(row.subject, row.domain) for row in of_subjects})
            for row in of_subjects:
                held = material.get((row.subject, row.domain))
                if held is not None:
                    keys[row.handle] = agreement_key(held[:KEY_BYTES], agreement, row.version)
            return keys

    def _bulk(self, row: Any) -> bytes:
        return self._store_keys.unwrap(row.store_key, row.wrapped, b"bulk", row.agreement.encode(), row.handle)

    def _secret(self, name: str) -> bytes:
        with self._lock:
            held = self._secrets.get(name)
            if held is None:
                held = self._read_secret(name) or self._make_secret(name)
                self._secrets.put(name, held)
            return held

    def _make_secret(self, name: str) -> bytes:
        number, wrapped = self._store_keys.wrap(secrets.token_bytes(KEY_BYTES), b"secret", name.encode())
        with writing(self._engine) as connection:
            insert_new(connection, secret_rows, [{"name": name, "store_key": number, "wrapped": wrapped}])
        made = self._read_secret(name)
        if made is None:
            raise LookupError(name)
        return made

    def _read_secret(self, name: str) -> bytes | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(secret_rows).where(secret_rows.c.name == name)).one_or_none()
        return None if row is None else self._store_keys.unwrap(row.store_key, row.wrapped, b"secret", name.encode())

    def _load(self, wants: Collection[SubjectWant]) -> dict[SubjectWant, SubjectKey]:
        """Read what is there without a lock; only where something is missing, make it in one transaction."""
        people = {(want.subject, want.domain) for want in wants}
        with reading(self._engine) as connection:
            material = self._read(connection, people)
            held = self._read_handles(connection, wants)
        if len(material) < len(people) or len(held) < len(wants):
            with writing(self._engine) as connection:
                self._make_subjects(connection, people - material.keys())
                material |= self._read(connection, people - material.keys())
                missing = sorted(
                    (one for one in wants if one not in held), key=lambda one: (one.agreement, one.subject)
                )
                insert_new(connection, handles, [_handle_row(_new_handle(), one.agreement, one, "") for one in missing])
                held |= self._read_handles(connection, missing)
        return {want: _subject_key(held[want], material[want.subject, want.domain], want.agreement) for want in wants}

    def _make_subjects(self, connection: Connection, people: Iterable[Subject]) -> None:
        rows = []
        # Sorted, so that two transactions that make the same people wait for each other and never both at once.
        for subject, domain in sorted(people):
            material = secrets.token_bytes(MATERIAL_BYTES)
            number, wrapped = self._store_keys.wrap(material, *_subject_context(subject, domain))
            rows.append(
                {"subject": subject, "domain": domain, "version": VERSION, "store_key": number, "wrapped": wrapped}
            )
        insert_new(connection, subjects, rows)

    def _read(self, connection: Connection, people: Iterable[Subject]) -> dict[Subject, bytes]:
        found = {}
        for domain, part in _by_text(people):
            query = select(subjects).where(subjects.c.domain == domain, subjects.c.subject.in_(part))
            for row in connection.execute(query):
                context = _subject_context(row.subject, domain)
                found[row.subject, domain] = self._store_keys.unwrap(row.store_key, row.wrapped, *context)
        return found

    def _read_handles(self, connection: Connection, wants: Collection[SubjectWant]) -> dict[SubjectWant, bytes]:
        domains = {want.agreement: want.domain for want in wants}
        found = {}
        for agreement, part in _by_text((want.subject, want.agreement) for want in wants):
            query = select(handles.c.handle, handles.c.subject).where(
                handles.c.agreement == agreement, handles.c.version == VERSION, handles.c.subject.in_(part)
            )
            for row in connection.execute(query):
                found[SubjectWant(row.subject, domains[agreement], agreement)] = row.handle
        return found


def _subject_context(subject: bytes, domain: str) -> tuple[bytes, ...]:
    return b"subject", subject, domain.encode(), VERSION.to_bytes(4, "big")


def _subject_key(handle: bytes, material: bytes, agreement: str) -> SubjectKey:
    dek, rekey, pseudonym = material[:KEY_BYTES], material[KEY_BYTES : 2 * KEY_BYTES], material[2 * KEY_BYTES :]
    text = base64.b32encode(pseudonym).decode().rstrip("=").lower()
    return SubjectKey(handle, agreement_key(dek, agreement, VERSION), text, rekey)


def _new_handle() -> bytes:
    return secrets.token_bytes(HANDLE_BYTES)


def _handle_row(handle: bytes, agreement: str, want: SubjectWant | None, worker: str) -> dict[str, Any]:
    return {
        "handle": handle,
        "agreement": agreement,
        "subject": want.subject if want else None,
        "domain": want.domain if want else worker,
        "version": VERSION,
        "store_key": None,
        "wrapped": None,
    }


def _by_text(pairs: Iterable[Subject]) -> Iterable[tuple[str, list[bytes]]]:
    """Group (bytes, text) pairs by their text, in parts that a statement can take."""
    groups: dict[str, list[bytes]] = {}
    for value, text in pairs:
        groups.setdefault(text, []).append(value)
    for text, values in groups.items():
        for part in _chunks(values):
            yield text, part


def _chunks(values: list[bytes]) -> Iterable[list[bytes]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
