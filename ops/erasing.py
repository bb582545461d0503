"""Erasure as officials see a case through: request, decision, approval, execution. Identifiers are never kept."""

import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..processors.erasure_case import Case
from ..processors.keys import subject_reference
from ..schemas.crash_points import passing
from ..schemas.erasure import CaseStep, ErasureOrder, Kind, Ordered
from ..schemas.errors import ConfigurationError, RefusedError
from ..streams.consents import ConsentWriter, orders_to_erase
from ..streams.erasures import CaseReader, CaseWriter
from ..streams.settling import NOBODY, Change, Settled, Settling, Tell
from .clock import now_ms
from .erasure_notices import Clerk
from .in_force import generation_or_none
from .store.erasing import destroy, forget_pages
from .store.progress import ERASURES, STORE, require_kafka
from .wiring import Wiring

_OFFICE = re.compile(r"[a-z][a-z0-9-]{0,62}")


def request(directory: Path, identifiers: Sequence[str], by: str) -> Case:
    """Open a case about one data subject, under all the identifiers that it is known by."""
    wiring = Wiring(directory)
    secret = wiring.key_store().reference_secret()
    subjects = tuple(sorted({subject_reference(secret, one).hex() for one in identifiers}))
    case = f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)}"
    with closing(_log(wiring)) as log:
        return log.take(_step(case, "requested", by, subjects=subjects))


def take(directory: Path, case: str, kind: Kind, by: str, ground: str = "") -> Case:
    """Take a step that an official decides: `held`, `freed`, `granted`, `refused` or `approved`.

    Raises RefusedError where it may not follow, ConfigurationError where a ground is wanted and none is given.
    """
    if kind in {"held", "refused"} and not ground:
        raise ConfigurationError("a ground is wanted", place=case, remedy='--ground "GDPR Art. 17(3)(b), …"')
    with closing(_log(Wiring(directory))) as log:
        return log.take(_step(case, kind, by, ground=ground))


@dataclass(frozen=True, slots=True)
class Executed:
    """A case that was carried out, and which workers act on it."""

    case: Case
    settled: Settled


def execute(directory: Path, case_id: str, clerk: Clerk, tell: Tell | None = None) -> Executed:
    """Destroy and notify, as an approved case says; go on where an attempt before this one ended.

    Returns when no worker can release anything under what was destroyed. Raises RefusedError for a case that was not
    approved or is on hold, UnavailableError when something does not answer: then it is to be called again.
    """
    wiring = Wiring(directory)
    clerk.require_signer(wiring)
    with closing(_log(wiring)) as log:
        case, settled = log.case(case_id), NOBODY
        if case.state not in {"approved", "destroyed", "notified", "closed"}:
            raise RefusedError(f"the case is {case.state}", place=case.id, remedy="penstock erasure approve")
        if case.state == "approved":
            settled = _destroyed(wiring, case, tell)
            case = log.take(_destruction(wiring, case, clerk.member, settled))
        steps = clerk.notify(wiring, case)
        if steps:
            case = log.take(*steps)
        wiring.papers().drop(case.id)
        return Executed(case, settled)


def _destroyed(wiring: Wiring, case: Case, tell: Tell | None) -> Settled:
    """Order the destruction, carry it out in the store, and wait for every worker."""
    cluster, store = wiring.cluster(), wiring.key_store()
    with closing(ConsentWriter(cluster, wiring.ecosystem.id)) as writer, closing(Settling(cluster)) as seen:
        # Read when nobody else writes any more: the order of an attempt that was killed is not given twice.
        one = _given(wiring, case) or _ordered(wiring, case, writer)
        passing("erasure_ordered")
        store.erase([one])
        passing("erasure_destroyed")
        settled = seen.settle(Change(None, consent_offset=one.offset), tell)
    forget_pages(wiring.engine)
    return settled


def _given(wiring: Wiring, case: Case) -> Ordered | None:
    """Return the order that there is for a case. Raises RefusedError where there is none and a hold is on the case."""
    orders = orders_to_erase(wiring.cluster())
    require_kafka(wiring.progress().held(), ERASURES, max([-1, *(one.offset for one in orders)]))
    found = next((one for one in orders if one.order.case == case.id), None)
    if found is None and case.hold:
        raise RefusedError(f"a legal hold is on it: {case.hold}", place=case.id, remedy="penstock erasure hold --lift")
    return found


def _ordered(wiring: Wiring, case: Case, writer: ConsentWriter) -> Ordered:
    subjects = tuple(map(bytes.fromhex, case.subjects))
    order = ErasureOrder(case.id, subjects, wiring.progress().step(), now_ms())
    return Ordered(writer.write([order]), order)


def _destruction(wiring: Wiring, case: Case, by: str, settled: Settled) -> CaseStep:
    marks = wiring.papers().marks(case.id) or {"agreements": {}, "domains": []}
    return CaseStep(
        case.id,
        "destroyed",
        now_ms(),
        by,
        agreements=tuple(sorted(marks["agreements"])),
        domains=tuple(marks["domains"]),
        acknowledged=settled.acknowledged,
        fenced=settled.fenced,
    )


def replay(directory: Path) -> Mapping[str, int]:
    """Carry out, in a store that was restored, every order that it never heard of; then roles start on it.

    Raises UnavailableError when something does not answer.
    """
    wiring = Wiring(directory)
    cluster, progress = wiring.cluster(), wiring.progress()
    orders, before, generation = orders_to_erase(cluster), progress.held(), generation_or_none(wiring)
    destroy(wiring.engine, wiring.store_keys(), orders, older=True)
    progress.saw(STORE, max([generation.store if generation else 0, *(one.order.store for one in orders)]))
    for case in cases(directory).values():
        _tidy(wiring, case)
    forget_pages(wiring.engine)
    done = [one for one in orders if one.offset > before.get(ERASURES, -1)]
    return {"orders": len(orders), "replayed": len(done), "subjects": sum(len(one.order.subjects) for one in done)}


def _tidy(wiring: Wiring, case: Case) -> None:
    """Let go of what an older copy of the store holds of a case whose recipients were told or have answered."""
    papers = wiring.papers()
    if case.state == "closed":
        papers.drop(case.id)
    for member, told in case.recipients.items():
        if told.receipt is not None:
            papers.drop(case.id, member)


def cases(directory: Path) -> Mapping[str, Case]:
    """Return every case by its id."""
    with closing(CaseReader(Wiring(directory).cluster())) as reader:
        return reader.catch_up()


def _log(wiring: Wiring) -> CaseWriter:
    return CaseWriter(wiring.cluster(), wiring.ecosystem.id)


def _step(case: str, kind: Kind, by: str, *, subjects: tuple[str, ...] = (), ground: str = "") -> CaseStep:
    if not _OFFICE.fullmatch(by):
        raise ConfigurationError("--as wants a name in office, such as dpo or dpo-2", remedy="not a person's name")
    return CaseStep(case, kind, now_ms(), by, subjects=subjects, ground=ground)
