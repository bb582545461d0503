"""May this record go? The answer is None (released) or the one reason for which it is withheld.

Everything that is not explicitly allowed is withheld. The order of the tests is part of the promise: it decides which
reason an auditor and a data subject read.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ..schemas.agreement import Agreement
from ..schemas.charter import Charter
from ..schemas.reasons import Reason
from .predicate import PredicateError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


Predicate = Callable[[Mapping[str, Any]], bool]


class Program(Protocol):
    """What deciding needs of a view program."""

    @property
    def agreement(self) -> Agreement: ...

    @property
    def data_subject(self) -> str | None:
        """The path that names the contract's data subject, where it has one."""
        ...

    @property
    def predicate(self) -> Predicate | None: ...


class DecidedEvent(Protocol):
    """What deciding needs of an event: its decoded value, and its subjects' references by the path that names them."""

    @property
    def value(self) -> Mapping[str, Any]: ...

    @property
    def subjects(self) -> Mapping[str, bytes]: ...


def standing(agreement: Agreement, charter: Charter, status: str, at_ms: int) -> Reason | None:
    """Return why nothing may go under this agreement at this instant, whatever the event; None when it may."""
    bases = {agreement.legal_basis.provider.basis, agreement.legal_basis.recipient.basis}
    tests = (
        (Reason.SUSPENDED, status != "suspended"),
        (Reason.NOT_IN_FORCE, status == "in_force"),
        (Reason.NOT_YET_VALID, at_ms * 1000 >= _micros(agreement.valid.from_)),
        (Reason.EXPIRED, at_ms * 1000 < _micros(agreement.valid.until)),
        (Reason.PURPOSE, agreement.purpose in {purpose.iri for purpose in charter.purposes}),
        (Reason.LEGAL_BASIS, bases <= {basis.iri for basis in charter.legal_bases}),
        (Reason.PLACE, _place_is_covered(agreement, charter)),
    )
    return next((reason for reason, holds in tests if not holds), None)


def decide(program: Program, event: DecidedEvent, consents: Collection[bytes]) -> Reason | None:
    """Return why this event may not go; `consents` are the references of subjects whose consent stands."""
    if program.agreement.consent != "not-required" and not _consented(program.data_subject, event, consents):
        return Reason.CONSENT
    if program.predicate is None:
        # An agreement without a predicate covers every record; one whose predicate got lost on the way covers none.
        return None if program.agreement.predicate is None else Reason.PREDICATE_ERROR
    return covering(program.predicate, event.value)


def covering(predicate: Predicate, value: Mapping[str, Any]) -> Reason | None:
    """Return why a predicate does not cover an event."""
    try:
        covered = predicate(value)
    except PredicateError:
        return Reason.PREDICATE_ERROR
    return None if covered is True else Reason.PREDICATE


def _consented(data_subject: str | None, event: DecidedEvent, consents: Collection[bytes]) -> bool:
    reference = event.subjects.get(data_subject) if data_subject else None
    return reference is not None and reference in consents


def _place_is_covered(agreement: Agreement, charter: Charter) -> bool:
    processing = agreement.processing
    if processing.place in agreement.places:
        return True
    return processing.transfer_mechanism is not None and processing.transfer_mechanism in charter.transfer_mechanisms


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
