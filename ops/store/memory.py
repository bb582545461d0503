"""A key store that forgets everything when the process ends: for rehearsing, never for releasing."""

import base64
import secrets
from collections.abc import Collection, Mapping, Sequence

from ...schemas.erasure import Ordered
from ...schemas.ports import SubjectKey, SubjectWant


class MemoryKeyStore:
    """Implements the ports `KeyStore`, `KeysAtHand` and `Erasing` in dictionaries."""

    def __init__(self) -> None:
        self._secrets: dict[str, bytes] = {}
        self._subjects: dict[tuple[bytes, str], tuple[str, bytes]] = {}
        self._keys: dict[SubjectWant, SubjectKey] = {}
        self._raw: dict[tuple[str, str], dict[bytes | None, bytes]] = {}
        self._opened: dict[tuple[str, bytes], bytes] = {}

    def reference_secret(self) -> bytes:
        return self._secret("reference")

    def noise_secret(self, dataset: str, period: str) -> bytes:
        return self._secret(f"{dataset}/{period}")

    def subject_keys(self, wants: Collection[SubjectWant]) -> Mapping[SubjectWant, SubjectKey]:
        return {want: self._keys.get(want) or self._make(want) for want in wants}

    def at_hand(self, domain: str, agreement: str, subjects: Sequence[bytes | None]) -> list[bytes | None]:
        return list(map(self._raw.get((domain, agreement), {}).get, subjects))

    def bulk_key(self, scope: str, worker: str) -> tuple[bytes, bytes]:  # noqa: ARG002 - the port's signature
        handle, key = secrets.token_bytes(8), secrets.token_bytes(32)
        self._opened[scope, handle] = key
        return handle, key

    def open_keys(self, agreement: str, handles: Collection[bytes]) -> Mapping[bytes, bytes]:
        return {handle: self._opened[agreement, handle] for handle in handles if (agreement, handle) in self._opened}

    def erase(self, orders: Sequence[Ordered]) -> None:
        gone = {subject for one in orders for subject in one.order.subjects}
        self._subjects = {key: held for key, held in self._subjects.items() if key[0] not in gone}
        for want in [one for one in self._keys if one.subject in gone]:
            self._opened.pop((want.agreement, self._keys.pop(want).handle))
            del self._raw[want.domain, want.agreement][want.subject]

    def _secret(self, name: str) -> bytes:
        return self._secrets.setdefault(name, secrets.token_bytes(32))

    def _make(self, want: SubjectWant) -> SubjectKey:
        fresh = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower(), secrets.token_bytes(32)
        pseudonym, rekey = self._subjects.setdefault((want.subject, want.domain), fresh)
        key = SubjectKey(secrets.token_bytes(8), secrets.token_bytes(32), pseudonym, rekey)
        self._keys[want] = key
        raw = key.handle + key.key + key.rekey + key.pseudonym.encode()
        self._raw.setdefault((want.domain, want.agreement), {})[want.subject] = raw
        self._opened[want.agreement, key.handle] = key.key
        return key
