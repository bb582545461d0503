"""One agreement as a lane serves it: which keys a view takes, and making the view of one event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..schemas.codec import Codec
from ..schemas.confluent_wire import frame
from ..schemas.errors import AgreementKeyError, KeyUnavailableError, OwnerKeysError, RecordError
from ..schemas.generation import AgreementInForce, Generation
from ..schemas.limits import MAX_RECORD_BYTES
from ..schemas.ports import KeyStore, SubjectKey, SubjectWant, Versioned
from ..schemas.reasons import Refusal
from .decoding import Decoder, Event
from .encrypt import BulkKey, Nonce
from .outcome import Input, Output
from .view import Release, ViewProgram, compile_view

Keys = Mapping[SubjectWant, SubjectKey]


@dataclass(frozen=True, slots=True)
class WorkerKeys:
    """The key store as one worker uses it; `worker` only tells people whose bulk keys these are."""

    keys: KeyStore
    worker: str

    def version(self) -> int:
        """Return the version of the data keys that is used now; 0 where they are never rotated."""
        return self.keys.data_key_version() if isinstance(self.keys, Versioned) else 0


class Served:
    """An agreement and its view programs, one for each writer schema met."""

    def __init__(self, generation: Generation, held: AgreementInForce, store: WorkerKeys, decoder: Decoder) -> None:
        self.held = held
        self.agreement = held.agreement
        self.topic = held.view_topic
        self._contract = generation.contracts[held.agreement.dataset].contract
        self._domain = generation.domain(held.agreement.id)
        self._store = store
        self._decoder = decoder
        self._codec = Codec(held.view_schema)
        self._programs: dict[int, ViewProgram] = {}
        self._bulk: BulkKey | None = None
        self._bulk_version = 0

    @property
    def scope(self) -> tuple[str, str]:
        """The linkage domain and the agreement, whose keys a view takes."""
        return self._domain, self.agreement.id

    def program(self, schema_id: int) -> ViewProgram:
        """Return the view program for a writer schema, compiled once."""
        program = self._programs.get(schema_id)
        if program is None:
            schema = self._decoder.schema(schema_id)
            program = compile_view(self._contract, schema, self.agreement, self.held.view_schema)
            self._programs[schema_id] = program
        return program

    def wants(self, event: Event) -> dict[str, SubjectWant]:
        """Return whose keys the view of this event takes, by the path that names the subject."""
        return self.wants_of(event.subjects, self.program(event.schema_id).subject_paths)

    def wants_of(self, subjects: Mapping[str, bytes], paths: Iterable[str]) -> dict[str, SubjectWant]:
        """Return the wants for those of `paths` that name a data subject here."""
        domain, agreement = self._domain, self.agreement.id
        return {path: SubjectWant(subjects[path], domain, agreement) for path in paths if path in subjects}

    def view(self, source: Input, event: Event, keys: Keys, nonce: Nonce) -> Output:
        """Return the record for the view topic.

        Raises KeyUnavailableError when a key is missing (AgreementKeyError where it is the agreement's own) and
        RecordError (`too_large`) when protection made the record larger than its topic takes.
        """
        program = self.program(event.schema_id)
        release = Release(
            event_id=event.event_id,
            subjects={path: keys[want] for path, want in self.wants(event).items()},
            noise_secret=self.noise_secret(event.period) if program.noisy else b"",
            nonce=nonce,
            bulk=self.bulk_key() if program.bulk else None,
        )
        record = program.apply(event.value, release)
        value = frame(self.held.view_schema_id, self._codec.encode(record))
        key = program.record_key(record)
        if len(value) + len(key or b"") > MAX_RECORD_BYTES:
            topic = self.held.view_topic
            raise RecordError(Refusal.TOO_LARGE, f"the protected record is larger than {topic} takes")
        return Output(self.held.view_topic, source.partition, key, value)

    def take_sealed(self) -> int:
        """Return how many field values were encrypted since this was asked last."""
        found = 0
        for program in self._programs.values():
            found += program.sealings.count
            program.sealings.count = 0
        return found

    def noise_secret(self, period: str) -> bytes:
        """Return the secret that noise of a period follows from."""
        try:
            return self._store.keys.noise_secret(self._contract.id, period)
        except OwnerKeysError as missing:
            raise AgreementKeyError(missing.message, place=self.agreement.id, remedy=missing.remedy) from None

    def bulk_key(self) -> BulkKey:
        """Return this worker's key for fields about nobody: made when first needed, replaced when spent or rotated."""
        try:
            version = self._store.version()
            if self._bulk is None or self._bulk.spent or self._bulk_version != version:
                self._bulk = BulkKey(*self._store.keys.bulk_key(self.agreement.id, self._store.worker))
                self._bulk_version = version
        except KeyUnavailableError as missing:
            raise AgreementKeyError(missing.message, place=self.agreement.id, remedy=missing.remedy) from None
        return self._bulk
