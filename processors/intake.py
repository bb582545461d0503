"""The publisher's side of a data contract: from a source's record to bytes for the provider topic, or a refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..schemas.avro_paths import getter
from ..schemas.codec import Codec
from ..schemas.confluent_wire import frame
from ..schemas.contract import DataContract
from ..schemas.errors import RecordError
from ..schemas.limits import MAX_RECORD_BYTES
from ..schemas.plain_json import to_avro
from ..schemas.ports import SourceRecord
from ..schemas.reasons import Refusal
from .keys import subject_reference


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record as the provider topic takes it."""

    key: bytes | None
    value: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that goes to quarantine; `subject` is the keyed reference where it could be read."""

    source: SourceRecord
    reason: str
    detail: str
    subject: bytes | None


class SeenIds:
    """Ids of the events of one input (a file) that were accepted; outlives a change of the contract."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self._input = ""

    def turn_to(self, name: str) -> None:
        """Forget the ids when another input begins."""
        if name != self._input:
            self._input = name
            self.ids = set()


class Intake:
    """Checks records of one source against one data contract.

    An id that `seen` holds is refused: pass the same object on when another intake goes on with the same source.
    """

    def __init__(
        self, contract: DataContract, schema_id: int, secret: bytes, *, text: bool, seen: SeenIds | None = None
    ) -> None:
        self._contract = contract
        self._schema_id = schema_id
        self._secret = secret
        self._convert = to_avro(contract.schema, text=text)
        self._codec = Codec(contract.schema)
        self._event_id = getter(contract.event_id)
        self._subject = getter(contract.data_subject) if contract.data_subject else None
        self._record_key = getter(contract.record_key) if contract.record_key else None
        self._seen = seen or SeenIds()

    @property
    def topic(self) -> str:
        return self._contract.topic

    def know(self, records: Sequence[SourceRecord]) -> None:
        """Learn the ids of records that were published before a restart: of those that were accepted then."""
        for record in records:
            self.take(record)

    def take(self, record: SourceRecord) -> Accepted | Rejected:
        """Return the record for the provider topic, or why it is refused. Never raises for a bad record."""
        self._seen.turn_to(record.input)
        subject = self._subject_of(record.value)
        if record.refusal is not None:
            return Rejected(record, record.refusal, record.detail, subject)
        try:
            return self._accept(record.value or {})
        except RecordError as bad:
            return Rejected(record, bad.reason, bad.message, subject)
        except Exception as failure:  # noqa: BLE001 - whatever a record does to us, its neighbours go on (law 1)
            return Rejected(record, Refusal.POISON, f"checking failed: {type(failure).__name__}", subject)

    def _accept(self, value: Mapping[str, Any]) -> Accepted:
        if not _lenient(value, self._contract.event_id):
            raise RecordError(Refusal.EVENT_ID, f"`{self._contract.event_id}` is missing or empty")
        event = self._convert(value)
        event_id = str(self._event_id(event))
        if event_id in self._seen.ids:
            raise RecordError(Refusal.DUPLICATE, "the event id appeared before in the same file")
        if self._subject and self._subject(event) in (None, ""):
            raise RecordError(Refusal.SUBJECT, f"`{self._contract.data_subject}` names no data subject")
        framed = frame(self._schema_id, self._codec.encode(event))
        key = self._key(event)
        if len(framed) + len(key or b"") > MAX_RECORD_BYTES:
            raise RecordError(Refusal.TOO_LARGE, f"the record is larger than {self._contract.topic} takes")
        self._seen.ids.add(event_id)
        return Accepted(key, framed)

    def _key(self, event: Mapping[str, Any]) -> bytes | None:
        found = self._record_key(event) if self._record_key else None
        return None if found is None else str(found).encode()

    def _subject_of(self, value: Mapping[str, Any] | None) -> bytes | None:
        found = _lenient(value or {}, self._contract.data_subject or "")
        try:
            return subject_reference(self._secret, found) if found else None
        except UnicodeEncodeError:  # half a surrogate pair names nobody
            return None


def _lenient(value: Mapping[str, Any], path: str) -> str:
    """Return the text at `path` of a record that may be anything, empty where there is none."""
    found: Any = value
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return "" if found is None or isinstance(found, Mapping | list) else str(found)
