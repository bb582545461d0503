"""From a record of a provider topic to an event whose subjects are known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..schemas.avro_paths import getter, leaves
from ..schemas.codec import Codec
from ..schemas.confluent_wire import unframe
from ..schemas.contract import DataContract
from ..schemas.errors import RecordError
from ..schemas.reasons import Refusal
from .instants import instant_ms, month_of
from .keys import subject_reference

WriterSchema = Callable[[int], Mapping[str, Any]]
"""Asks beyond the generation for a writer schema; RecordError: there is none, UnavailableError: nobody knows."""


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded event. `subjects` holds the keyed reference of each data subject by the path that names it."""

    schema_id: int
    value: Mapping[str, Any]
    event_id: str
    period: str
    subjects: Mapping[str, bytes]


class Decoder:
    """Decodes a dataset's records; one codec for each writer schema, made once."""

    def __init__(
        self, contract: DataContract, writers: Mapping[int, Mapping[str, Any]], ask: WriterSchema, secret: bytes
    ) -> None:
        self._ask = ask
        self._secret = secret
        self._writers = dict(writers)
        self._codecs: dict[int, Codec] = {}
        self._event_id = getter(contract.event_id)
        self._event_time = getter(contract.event_time)
        self._instant = instant_ms(leaves(contract.schema)[contract.event_time])
        self._subjects = {path: getter(path) for path in contract.subject_paths}
        self._required = contract.data_subject

    def knows(self, schema_id: int) -> bool:
        """Say whether nobody need be asked for a writer schema."""
        return schema_id in self._writers

    def schema(self, schema_id: int) -> Mapping[str, Any]:
        """Return a writer schema by registry id. Raises as `WriterSchema` does."""
        if schema_id not in self._writers:
            self._writers[schema_id] = self._ask(schema_id)
        return self._writers[schema_id]

    def decode(self, data: bytes | None) -> Event:
        """Return the event. Raises RecordError for anything that is not one whole event with its id and subject."""
        if data is None:
            raise RecordError(Refusal.FRAMING, "a record without a value")
        schema_id, payload = unframe(data)
        value = self._codec(schema_id).decode(payload)
        return Event(
            schema_id=schema_id,
            value=value,
            event_id=self._id_of(value),
            period=month_of(self._instant(self._event_time(value))),
            subjects=self._subjects_of(value),
        )

    def subject_in(self, data: bytes | None) -> bytes | None:
        """Return the data subject of a record that was refused, as far as that can be read. Asks nobody, never raises.

        What is kept of the record is then sealed under the subject's key, and goes when the subject is erased.
        """
        if self._required is None:
            return None
        try:
            schema_id, payload = unframe(data)
            text = self._subjects[self._required](self._codecs[schema_id].decode(payload))
        except Exception:  # noqa: BLE001 - it was refused because something about it is not as it ought to be
            return None
        return subject_reference(self._secret, str(text)) if text else None

    def _codec(self, schema_id: int) -> Codec:
        codec = self._codecs.get(schema_id)
        if codec is None:
            codec = self._codecs[schema_id] = Codec(self.schema(schema_id))
        return codec

    def _id_of(self, value: Mapping[str, Any]) -> str:
        found = self._event_id(value)
        if found is None or found == "":
            raise RecordError(Refusal.EVENT_ID, "the event has no id")
        return str(found)

    def _subjects_of(self, value: Mapping[str, Any]) -> dict[str, bytes]:
        found = {}
        for path, get in self._subjects.items():
            text = get(value)
            if text is not None and text != "":
                found[path] = subject_reference(self._secret, str(text))
            elif path == self._required:
                raise RecordError(Refusal.SUBJECT, f"`{path}` names no data subject")
        return found
