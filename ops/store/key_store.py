"""The key store: data subjects' keys and pseudonyms, secrets, and keys of data without a subject.

A subject's row holds, wrapped, what `subject_material` says, all random, so that deleting the row is erasing it. Rows
are made by insert-or-read in one SQL transaction: any number of processes get the same.
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
from ...schemas.errors import AgreementKeyError, OwnerKeysError
from ...schemas.ports import Kms, SubjectKey, SubjectWant
from .cache import AgeingCache
from .engine import insert_new, reading, writing
from .erasing import destroy
from .key_ring import MAX_AGE_S
from .rotation import DataKeyVersion
from .store_keys import KmsOf, StoreKeys
from .subject_material import Material, grown, material_of, subject_context
from .tables import handles, subjects
from .tables import secrets as secret_rows
from .warm_keys import WarmKeys

CHUNK = 400
MOST_CACHED = 500_000

Subject = tuple[bytes, str]
"""A data subject in a linkage domain: keyed reference and domain."""


class SqlKeyStore:
    """Implements the ports `KeyStore`, `KeysAtHand`, `Versioned` and `Erasing` over SQL.

    New keys are those of `owner`: wrapped under its own KEK (the empty name: the ecosystem's). Methods raise
    OwnerKeysError where a member's KMS gives no keys; `subject_keys` then raises AgreementKeyError, which names the
    agreements concerned. Safe for several processes; one lock for the threads of one.
    """

    def __init__(  # noqa: PLR0913 - its limits are named
        self,
        engine: Engine,
        kms: Kms | KmsOf,
        owner: str = "",
        *,
        cached: int = MOST_CACHED,
        max_age_s: float = 300,
        store_key_s: float = MAX_AGE_S,
    ) -> None:
        self._engine = engine
        self._lock = threading.RLock()
        self._store_keys = StoreKeys(engine, kms, owner, limit_s=store_key_s)
        self._version = DataKeyVersion(engine, owner)
        self._limits = cached, max_age_s
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
            self._follow_version()
            found, missing = self._warm.many(wants)
            if missing:
                made = self._load_owned(missing)
                for want, key in made.items():
                    self._warm.put(want, key)
                found.update(made)
            return found

    def data_key_version(self) -> int:
        """Implement `Versioned`: keys that nobody could make now are not to be used either."""
        with self._lock:
            self._follow_version()
            self._store_keys.ring(self._store_keys.owner).active()
            return self._version.now

    def key_facts(self) -> tuple[int, float]:
        """Return the version of the data keys in use and how long ago a KMS opened the store keys; asks nobody."""
        return self._version.now, max(ring.age_s for ring in self._store_keys.rings())

    @property
    def store_keys(self) -> StoreKeys:
        """The store keys, of every owner."""
        return self._store_keys

    def at_hand(self, domain: str, agreement: str, subjects: Sequence[bytes | None]) -> list[bytes | None]:
        """Implement `KeysAtHand`."""
        with self._lock:
            self._follow_version()
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
                if held is not None and row.version <= held.version:
                    keys[row.handle] = agreement_key(held.dek(row.version), agreement, row.version)
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
        owner = self._store_keys.owner if name.startswith("noise/") else ""
        secret = secrets.token_bytes(KEY_BYTES)
        number, wrapped = self._store_keys.wrap(secret, b"secret", name.encode(), owner=owner)
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

    def _follow_version(self) -> None:
        """Forget the keys at hand when another version is to be used from now on."""
        if self._version.changed():
            self._warm = WarmKeys(*self._limits)

    def _load_owned(self, wants: Collection[SubjectWant]) -> dict[SubjectWant, SubjectKey]:
        """Load all, or those of each agreement for itself: what one KMS does not open stops no other's agreement."""
        try:
            return self._load(wants)
        except OwnerKeysError as failure:
            missing = failure
        without = []
        for agreement in sorted({want.agreement for want in wants}):
            try:
                for want, key in self._load([one for one in wants if one.agreement == agreement]).items():
                    self._warm.put(want, key)
            except OwnerKeysError:
                without.append(agreement)
        if not without:
            return self._load(wants)
        raise AgreementKeyError(
            f"{missing.place}: {missing.message}", place=without[0], remedy=missing.remedy, agreements=tuple(without)
        )

    def _load(self, wants: Collection[SubjectWant]) -> dict[SubjectWant, SubjectKey]:
        """Read what is there without a lock; only where something is missing, make it in one transaction."""
        people = {(want.subject, want.domain) for want in wants}
        version = self._version.now
        with reading(self._engine) as connection:
            material = self._read(connection, people)
            held = self._read_handles(connection, wants, version)
        behind = [one for one in people if one not in material or material[one].version < version]
        if behind or len(held) < len(wants):
            self._store_keys.ring(self._store_keys.owner).active()  # a KMS is not waited for inside a transaction
            with writing(self._engine) as connection:
                self._grow(connection, {one: material[one] for one in behind if one in material}, version)
                self._make_subjects(connection, people - material.keys(), version)
                material |= self._read(connection, behind)
                missing = sorted(
                    (one for one in wants if one not in held), key=lambda one: (one.agreement, one.subject)
                )
                rows = [_handle_row(_new_handle(), one.agreement, one, "", version) for one in missing]
                insert_new(connection, handles, rows)
                held |= self._read_handles(connection, missing, version)
        return {
            want: _subject_key(held[want], material[want.subject, want.domain], want.agreement, version)
            for want in wants
        }

    def _make_subjects(self, connection: Connection, people: Iterable[Subject], version: int) -> None:
        rows = []
        # Sorted, so that two transactions that make the same people wait for each other and never both at once.
        for subject, domain in sorted(people):
            context = subject_context(subject, domain, version)
            number, wrapped = self._store_keys.wrap(grown(b"", version), *context)
            rows.append(
                {"subject": subject, "domain": domain, "version": version, "store_key": number, "wrapped": wrapped}
            )
        insert_new(connection, subjects, rows)

    def _grow(self, connection: Connection, people: Mapping[Subject, Material], version: int) -> None:
        """Add fresh DEKs up to `version`; where another process was first, its DEKs stay."""
        for (subject, domain), material in sorted(people.items()):
            number, wrapped = self._store_keys.wrap(
                grown(material.raw, version), *subject_context(subject, domain, version)
            )
            row = (subjects.c.subject == subject) & (subjects.c.domain == domain) & (subjects.c.version < version)
            grow = subjects.update().where(row).values(version=version, store_key=number, wrapped=wrapped)
            connection.execute(grow)

    def _read(self, connection: Connection, people: Iterable[Subject]) -> dict[Subject, Material]:
        found = {}
        for domain, part in _by_text(people):
            query = select(subjects).where(subjects.c.domain == domain, subjects.c.subject.in_(part))
            for row in connection.execute(query):
                context = subject_context(row.subject, domain, row.version)
                raw = self._store_keys.unwrap(row.store_key, row.wrapped, *context)
                found[row.subject, domain] = material_of(raw, row.version)
        return found

    def _read_handles(
        self, connection: Connection, wants: Collection[SubjectWant], version: int
    ) -> dict[SubjectWant, bytes]:
        domains = {want.agreement: want.domain for want in wants}
        found = {}
        for agreement, part in _by_text((want.subject, want.agreement) for want in wants):
            query = select(handles.c.handle, handles.c.subject).where(
                handles.c.agreement == agreement, handles.c.version == version, handles.c.subject.in_(part)
            )
            for row in connection.execute(query):
                found[SubjectWant(row.subject, domains[agreement], agreement)] = row.handle
        return found


def _subject_key(handle: bytes, material: Material, agreement: str, version: int) -> SubjectKey:
    text = base64.b32encode(material.pseudonym).decode().rstrip("=").lower()
    return SubjectKey(handle, agreement_key(material.dek(version), agreement, version), text, material.rekey)


def _new_handle() -> bytes:
    return secrets.token_bytes(HANDLE_BYTES)


def _handle_row(
    handle: bytes, agreement: str, want: SubjectWant | None, worker: str, version: int = 1
) -> dict[str, Any]:
    return {
        "handle": handle,
        "agreement": agreement,
        "subject": want.subject if want else None,
        "domain": want.domain if want else worker,
        "version": version,
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
