"""A lane's work on one event: it is taken, decided for every agreement, and its views are made.

Two ways lead through it. Compiled view programs (`processors.compiled`) take events as bytes; whatever they do not take
as it stands, a value that does not parse among it, goes the slow way, which decodes, and whose word is final.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..schemas.confluent_wire import HEAD_BYTES, claimed_schema_id
from ..schemas.contract import DataContract
from ..schemas.crash_points import passing
from ..schemas.encrypted import framed_one
from ..schemas.errors import AgreementKeyError, KeyUnavailableError, RecordError, UnavailableError
from ..schemas.limits import MAX_RECORD_BYTES
from ..schemas.ports import SubjectWant
from ..schemas.reasons import Reason, Refusal
from .compiled.facts import Months
from .compiled.making import raw_key
from .compiled.written import CompiledView, Written
from .decoding import Decoder, Event
from .encrypt import BulkUses
from .evolution import unclassified
from .noise import NoiseSecret
from .nonces import Nonces
from .outcome import Disclosure, Input, Outcome, Output, Refused
from .policy import decide
from .served import Keys, Served
from .served_by_writer import ByWriter

RELEASED = "released"
QUARANTINED = "quarantined"

Wants = Mapping[str, SubjectWant]
"""Whose keys a view takes, by the path that names the subject."""


@dataclass(slots=True)
class Scanned:
    """An event as bytes whose parts were found. `value` is as much of it as predicates read."""

    written: Written
    data: bytes
    positions: tuple[int, ...]
    event_id: str
    period: str
    subjects: Mapping[str, bytes]
    whole: Event | None = None

    @property
    def schema_id(self) -> int:
        return self.written.schema_id

    @property
    def value(self) -> Mapping[str, Any]:
        return self.written.value(self.data, self.positions)


@dataclass(slots=True)
class Decided:
    """An event and, by agreement, why it may not go (None: it may). `wants`: whose keys each view takes."""

    source: Input
    event: Event | Scanned
    reasons: list[Reason | None]
    wants: list[Wants | None] = field(default_factory=list)


@dataclass(slots=True)
class Means:
    """What one batch's views are made with. `secrets`: the noise secrets asked for so far, by period."""

    keys: Keys
    nonces: Nonces
    secrets: dict[str, bytes] = field(default_factory=dict)

    def secret(self, served: Served, period: str) -> bytes:
        """Return the noise secret of a period, which is the dataset's: the same for whomever it is asked."""
        found = self.secrets.get(period)
        if found is None:
            found = self.secrets[period] = served.noise_secret(period)
        return found


class EventWork:
    """What one dataset's events become for the agreements that a lane serves, one event at a time."""

    def __init__(self, contract: DataContract, decoder: Decoder, served: Sequence[Served], compiled: ByWriter) -> None:
        self._data_subject = contract.data_subject or ""
        self._known = contract.schema
        self._decoder = decoder
        self._served = served
        self._compiled = compiled
        self._no_views = (None,) * len(served)
        self._unknown: dict[int, int] = {}
        self._months = Months()

    # --- taking events in ---

    def taken(self, source: Input, outcome: Outcome) -> Event | Scanned | None:
        """Return the event; None for a record that is refused."""
        data = source.value
        written = self._compiled.get(data[:HEAD_BYTES]) if data is not None else None
        if written is not None and data is not None:
            try:
                positions = written.scan(data)
                own, day, *subjects = written.facts(data, positions)
                named = {path: one for path, one in zip(written.subject_paths, subjects, strict=True) if one}
                return Scanned(written, data, positions, own[4:].decode(), self._months[day], named)
            except Exception:  # noqa: BLE001, S110 - whatever it is, the slow path finds it again and says it in words
                pass
        return self._decode(source, outcome)

    def _decode(self, source: Input, outcome: Outcome) -> Event | None:
        try:
            return self._decoder.decode(source.value)
        except RecordError as bad:
            outcome.refused.append(self._undecoded(source, bad.reason, bad.message))
        except UnavailableError:
            raise
        except Exception as failure:  # noqa: BLE001 - whatever a record does to us, its neighbours go on (law 1)
            detail = f"decoding failed: {type(failure).__name__}"
            outcome.refused.append(self._undecoded(source, Refusal.POISON, detail))
        return None

    def _whole(self, one: Decided) -> Event:
        """Return the decoded event."""
        if isinstance(one.event, Event):
            return one.event
        if one.event.whole is None:
            one.event.whole = self._decoder.decode(one.source.value)
        return one.event.whole

    def unknown_fields(self, schema_id: int) -> int:
        """Return how many fields a writer schema has that the contract does not know."""
        found = self._unknown.get(schema_id)
        if found is None:
            found = self._unknown[schema_id] = len(unclassified(self._decoder.schema(schema_id), self._known))
        return found

    def _undecoded(self, source: Input, reason: str, detail: str) -> Refused:
        subject = self._decoder.subject_in(source.value)
        return Refused(source, reason, detail, subject, claimed_schema_id(source.value))

    # --- deciding ---

    def decided(
        self,
        source: Input,
        event: Event | Scanned,
        standings: Sequence[Reason | None],
        given: Sequence[frozenset[bytes]],
    ) -> Decided:
        """Return the event with the decision for each agreement; `given` are the consents that stand for it."""
        one = Decided(source, event, list(standings))
        views = event.written.views if isinstance(event, Scanned) else self._no_views
        for number, (served, view) in enumerate(zip(self._served, views, strict=True)):
            wants: Wants | None = None
            if one.reasons[number] is None:
                if view is None:
                    whole = self._whole(one)
                    program = served.program(whole.schema_id)
                    reason, paths = decide(program, whole, given[number]), program.subject_paths
                else:
                    reason, paths = decide(view, event, given[number]), view.subject_paths
                one.reasons[number] = reason
                wants = served.wants_of(event.subjects, paths) if reason is None else None
            one.wants.append(wants)
        return one

    # --- releasing ---

    def release(self, one: Decided, means: Means, outcome: Outcome) -> None:
        """Make every view that may be made, and say of each data subject what became of the event."""
        said: dict[str, str] = {}
        event, tallies = one.event, outcome.tallies
        views = event.written.views if isinstance(event, Scanned) else self._no_views
        for served, view, reason, wants in zip(self._served, views, one.reasons, one.wants, strict=True):
            key = served.agreement.id
            if reason is not None:
                tallies[key].withhold(reason)
                said[key] = reason.value
                continue
            output = self._made(view, served, one, wants or {}, means) if view is not None else None
            if output is None:
                said[key] = self._release_to(served, one, means, outcome)
            else:
                said[key] = self._released(served, event.schema_id, output, outcome)
        for subject in sorted(set(event.subjects.values())):
            outcome.disclosures.append(Disclosure(subject, one.source, said))

    def release_view(self, number: int, one: Decided, means: Means, outcome: Outcome, *, compiled: bool) -> str:
        """Make one view, the slow way where it is not `compiled`, and return what became of it."""
        served = self._served[number]
        view = one.event.written.views[number] if compiled and isinstance(one.event, Scanned) else None
        output = None if view is None else self._made(view, served, one, one.wants[number] or {}, means)
        if output is None:
            return self._release_to(served, one, means, outcome)
        return self._released(served, one.event.schema_id, output, outcome)

    def _made(self, view: CompiledView, served: Served, one: Decided, wants: Wants, means: Means) -> Output | None:
        """Return a record that a compiled view made; None where the slow path has the word."""
        event = one.event
        if not isinstance(event, Scanned):
            return None
        sealings = view.program.sealings
        sealed_before, bulk = sealings.count, None
        own = framed_one(event.event_id.encode())
        try:
            subjects = {path: means.keys[want] for path, want in wants.items()}
            keys = [raw_key(subjects.get(path)) for path in view.subject_paths]
            secret = NoiseSecret(means.secret(served, event.period)) if view.noisy else None
            bulk = BulkUses(served.bulk_key(), max(view.seals, 1)) if view.bulk else None
            value, key = view.make(event.data, event.positions, own, keys, secret, bulk, means.nonces.next)
        except AgreementKeyError:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, the slow path finds it again and says it in words
            sealings.count = sealed_before
            return None
        finally:
            if bulk:
                bulk.end()
        if len(value) + (len(key) if key else 0) > MAX_RECORD_BYTES:
            return None
        sealings.count += view.seals
        if view.noisy:
            passing("noised")
        if view.seals:
            passing("encrypted")
        return Output(served.topic, one.source.partition, key, value)

    def _release_to(self, served: Served, one: Decided, means: Means, outcome: Outcome) -> str:
        tally = outcome.tallies[served.agreement.id]
        try:
            output = served.view(one.source, self._whole(one), means.keys, means.nonces)
        except (AgreementKeyError, UnavailableError):
            raise
        except KeyUnavailableError:
            tally.withhold(Reason.KEY_UNAVAILABLE)
            return Reason.KEY_UNAVAILABLE.value
        except RecordError as bad:
            outcome.refused.append(self._refused(served, one, bad.reason, bad.message))
        except Exception as failure:  # noqa: BLE001 - whatever a record does to us, its neighbours go on (law 1)
            detail = f"protecting failed: {type(failure).__name__}"
            outcome.refused.append(self._refused(served, one, Refusal.POISON, detail))
        else:
            return self._released(served, one.event.schema_id, output, outcome)
        tally.quarantined += 1
        return QUARANTINED

    def _released(self, served: Served, schema_id: int, output: Output, outcome: Outcome) -> str:
        outcome.outputs.append(output)
        outcome.tallies[served.agreement.id].released += 1
        for path in served.program(schema_id).unclassified:
            outcome.unclassified[path] = outcome.unclassified.get(path, 0) + 1
        return RELEASED

    def _refused(self, served: Served, one: Decided, reason: str, detail: str) -> Refused:
        subject = one.event.subjects.get(self._data_subject)
        return Refused(one.source, reason, detail, subject, one.event.schema_id, served.agreement.id)
