"""The view program: what an agreement makes of an event, compiled once for one writer schema."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..schemas.agreement import Agreement
from ..schemas.avro_paths import getter
from ..schemas.avro_physical import parsing_canonical
from ..schemas.contract import DataContract
from ..schemas.errors import DocumentError
from ..schemas.safeguard import Encrypt, Pass, Pseudonymise, Safeguard
from ..schemas.view_schema import derive_view
from .evolution import Adapt, adaptation, unclassified
from .predicate import Predicate, compile_predicate
from .pseudonymise import event_id
from .view_steps import Making, Release, Sealings, Step, Steps

__all__ = ["Release", "ViewProgram", "compile_view"]


@dataclass(frozen=True, slots=True)
class ViewProgram:
    """What one agreement makes of events of one writer schema. Pure: same event and release, same view.

    `subject_paths` names the data subjects whose keys a release takes; `noisy` and `bulk` say whether it takes a noise
    secret and a bulk key. `unclassified` are the writer's fields that the contract does not know: never released.
    `sealings` counts what it encrypts. For the compiler: `steps`, the subject by whose key the shown event id is
    re-keyed (`shown_by`), the predicate over events of the contract's own schema and which fields it reads.
    """

    agreement: Agreement
    data_subject: str | None
    predicate: Callable[[Mapping[str, Any]], bool] | None
    subject_paths: tuple[str, ...]
    unclassified: tuple[str, ...]
    noisy: bool
    bulk: bool
    sealings: Sealings
    steps: Steps
    shown_by: str | None
    own_predicate: Predicate | None
    _adapt: Adapt | None
    _shown_id: Callable[[Release], str]
    _make: Step | None
    _record_key: Callable[[Mapping[str, Any]], Any] | None

    @property
    def predicate_paths(self) -> frozenset[str]:
        """Which fields the predicate reads."""
        return self.own_predicate.paths if self.own_predicate else frozenset()

    def apply(self, event: Mapping[str, Any], release: Release) -> dict[str, Any]:
        """Return the view's record, in physical form.

        Raises KeyUnavailableError, naming the field, when the release lacks a key; RecordError for a value that its
        safeguard cannot take.
        """
        known = event if self._adapt is None else self._adapt(event)
        if self._make is None:
            return dict(known)
        made: dict[str, Any] = self._make(known, Making(release, self._shown_id(release).encode()), ())
        return made

    def record_key(self, view: Mapping[str, Any]) -> bytes | None:
        """Return the Kafka key of a view record: the view's own value of the contract's record key, if it shows one."""
        value = self._record_key(view) if self._record_key else None
        return None if value is None else str(value).encode()


def compile_view(
    contract: DataContract, writer_schema: Mapping[str, Any], agreement: Agreement, view_schema: Mapping[str, Any]
) -> ViewProgram:
    """Return the program for events of `writer_schema`. Its records are of `view_schema`.

    Raises DocumentError, naming field and remedy, when contract, agreement and schemas do not fit together; then
    nothing may be released under the agreement.
    """
    derived = derive_view(contract.schema, agreement.fields, agreement.id)
    if parsing_canonical(derived) != parsing_canonical(view_schema):
        raise DocumentError(
            "the view schema is not the one that the documents give",
            place=f"agreement {agreement.id}",
            remedy="run penstock apply",
        )
    steps = Steps(contract, agreement)
    make = steps.root()
    adapt = adaptation(writer_schema, contract.schema)
    predicate = None if agreement.predicate is None else compile_predicate(agreement.predicate, contract.schema)
    return ViewProgram(
        agreement=agreement,
        data_subject=contract.data_subject,
        predicate=_adapted(predicate, adapt),
        _shown_id=_shown_id(contract, steps),
        steps=steps,
        shown_by=contract.data_subject if isinstance(steps.cut.get(contract.event_id), Pseudonymise) else None,
        own_predicate=predicate,
        subject_paths=tuple(sorted(steps.subjects)),
        unclassified=unclassified(writer_schema, contract.schema),
        noisy=steps.noisy,
        bulk=steps.bulk,
        sealings=steps.sealings,
        _adapt=adapt,
        _make=make,
        _record_key=_record_key(contract, steps.cut),
    )


def _adapted(predicate: Predicate | None, adapt: Adapt | None) -> Callable[[Mapping[str, Any]], bool] | None:
    """Return a predicate over the writer's events."""
    if predicate is None or adapt is None:
        return predicate
    return lambda event: predicate(adapt(event))


def _shown_id(contract: DataContract, steps: Steps) -> Callable[[Release], str]:
    """Return the function that gives the event id which the view shows; encrypted fields are bound to it."""
    path, subject = contract.event_id, contract.data_subject
    safeguard = steps.cut.get(path)
    if isinstance(safeguard, Pseudonymise):
        if subject is None:
            raise DocumentError(
                "the event id is pseudonymised, and the data contract names no data subject",
                place=path,
                remedy="pass the event id",
            )
        steps.subjects.add(subject)
        return lambda release: event_id(release.event_id, path, subject, release.subjects)
    if not isinstance(safeguard, Pass) and any(isinstance(other, Encrypt) for other in steps.cut.values()):
        raise DocumentError(
            "encrypted fields open only with the event id, which the view does not show",
            place=path,
            remedy="pass the event id, or pseudonymise it",
        )
    return lambda release: release.event_id


def _record_key(contract: DataContract, cut: Mapping[str, Safeguard]) -> Callable[[Mapping[str, Any]], Any] | None:
    path = contract.record_key
    shown = path is not None and isinstance(cut.get(path), Pass | Pseudonymise)
    return getter(path) if path is not None and shown else None
