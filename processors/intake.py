"""The publisher's side of a data contract: from a source's record to bytes for the provider topic, or a refusal."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..schemas.avro_paths import getter
from ..schemas.codec import Codec
from ..schemas.confluent_wire import frame
from ..schemas.contract import DataContract
from ..schemas.errors import RecordError
from ..schemas.limits import MAX_RECORD_BYTES
from ..schemas.plain_json import Dropped, to_avro
from ..schemas.ports import SourceRecord
from ..schemas.reasons import Refusal
from .duplicates import MOST_IDS, Attempt, Match, Window
from .judged import Accepted, Discarded, Judged, Rejected
from .keys import subject_reference
from .quality import flagger


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

    def add(self, event_id: str) -> None:
        """Know an id; after MOST_IDS of one input the memory begins anew, so that it is bounded."""
        if len(self.ids) >= MOST_IDS:
            self.ids = set()
        self.ids.add(event_id)


class Intake:
    """Checks records of one source against one data contract.

    With a window as its `memory` an event that was published within it is discarded, and another one under its id
    refused; else an id that appeared before in the same file is. Pass the same memory on when another intake goes on
    with the same source.
    """

    def __init__(
        self,
        contract: DataContract,
        schema_id: int,
        secret: bytes,
        *,
        text: bool,
        memory: SeenIds | Window | None = None,
    ) -> None:
        self._contract = contract
        self._schema_id = schema_id
        self._secret = secret
        self._dropped = Dropped()
        self._convert = to_avro(contract.schema, text=text, dropped=self._dropped if contract.drops_unknown else None)
        self._codec = Codec(contract.schema)
        self._flags = flagger(contract)
        self._event_id = getter(contract.event_id)
        self._subject = getter(contract.data_subject) if contract.data_subject else None
        self._record_key = getter(contract.record_key) if contract.record_key else None
        self._seen = memory if isinstance(memory, SeenIds) else SeenIds()
        self._window = memory if isinstance(memory, Window) else None

    @property
    def topic(self) -> str:
        return self._contract.topic

    def know(self, records: Sequence[SourceRecord]) -> None:
        """Learn the ids of records that were published before a restart: of those that were accepted then.

        A window knows them from the provider topic.
        """
        for record in records if self._window is None else ():
            self.take(record, 0)

    def judge(self, records: Sequence[SourceRecord], arrival_ms: int) -> Judged:
        """Return what becomes of a batch that arrived at an instant, against the window and among themselves.

        Nothing of it is remembered until the answer's `keep` is called. Never raises for a bad record.
        """
        attempt = Attempt(self._window, arrival_ms) if self._window is not None else None
        taken = [self._weigh(record, self.take(record, arrival_ms), attempt) for record in records]
        return Judged(taken, attempt)

    def _weigh(
        self, record: SourceRecord, taken: Accepted | Rejected, attempt: Attempt | None
    ) -> Accepted | Discarded | Rejected:
        if attempt is None or isinstance(taken, Rejected):
            return taken
        match = attempt.match(taken.event_id, taken.content)
        if match is Match.OTHER:
            message = "another record was published under this id"
            return Rejected(record, Refusal.DUPLICATE, message, self._subject_of(record.value))
        return taken if match is Match.NEW else Discarded(record)

    def take(self, record: SourceRecord, arrival_ms: int) -> Accepted | Rejected:
        """Return the record for the provider topic, or why it is refused; the window is not asked.

        Never raises for a bad record.
        """
        self._seen.turn_to(record.input)
        subject = self._subject_of(record.value)
        if record.refusal is not None:
            return Rejected(record, record.refusal, record.detail, subject)
        try:
            return self._accept(record.value or {}, arrival_ms)
        except RecordError as bad:
            return Rejected(record, bad.reason, bad.message, subject)
        except Exception as failure:  # noqa: BLE001 - whatever a record does to us, its neighbours go on (law 1)
            return Rejected(record, Refusal.POISON, f"checking failed: {type(failure).__name__}", subject)

    def _accept(self, value: Mapping[str, Any], arrival_ms: int) -> Accepted:
        event, dropped = self._event(value)
        event_id = str(self._event_id(event))
        if self._window is None and event_id in self._seen.ids:
            raise RecordError(Refusal.DUPLICATE, "the event id appeared before in the same file")
        if self._subject and self._subject(event) in (None, ""):
            raise RecordError(Refusal.SUBJECT, f"`{self._contract.data_subject}` names no data subject")
        flags = self._flags(event, arrival_ms)
        content = frame(self._schema_id, self._codec.encode(event))
        framed = self._flagged(event, flags) or content
        key = self._key(event)
        if len(framed) + len(key or b"") > MAX_RECORD_BYTES:
            raise RecordError(Refusal.TOO_LARGE, f"the record is larger than {self._contract.topic} takes")
        if self._window is None:
            self._seen.add(event_id)
        return Accepted(key, framed, event_id, content, flags, dropped)

    def _event(self, value: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
        """Return the event and how many of its fields the contract does not know. What a source says of flags is void.

        Raises RecordError.
        """
        if not _lenient(value, self._contract.event_id):
            raise RecordError(Refusal.EVENT_ID, f"`{self._contract.event_id}` is missing or empty")
        ours = self._contract.quality_flags
        before = self._dropped.count
        event = self._convert({key: value[key] for key in value if key != ours} if ours in value else value)
        return event, self._dropped.count - before

    def _flagged(self, event: dict[str, Any], flags: Sequence[str]) -> bytes | None:
        """Return the record with its flags in their field; None where there is nothing to put in."""
        if not flags or not self._contract.quality_flags:
            return None
        return frame(self._schema_id, self._codec.encode({**event, self._contract.quality_flags: list(flags)}))

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
