"""`plan`: what putting the documents in force would change, and loudly what would be less protected than it is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...schemas.agreement import Agreement
from ...schemas.generation import agreement_record, contract_record
from .load import Documents
from .plan_protection import Loss, Record, charter_losses, contract_losses, losses

_OVER = "was terminated, for good: its document puts nothing in force; take it away, or sign one under a new id"
Losses = Callable[[Record, Record], Iterator[Loss]]
Kind = Literal["added", "changed", "removed", "less protected", "over", "drifted"]


@dataclass(frozen=True, slots=True)
class InForce:
    """What is in force, as the control topic keeps it: agreements and contracts as plain JSON, by id.

    `over`: ids of agreements that were terminated, which is for good; they are not among `agreements`.
    """

    agreements: Mapping[str, Record]
    contracts: Mapping[str, Record]
    charter: Record | None = None
    over: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `what` is agreement, contract, charter or access, `id` its id, `key` the part that changes.

    What drifted is not what is in force on Kafka, though nobody changed the documents. What is over has a document
    that `apply` puts in force no more.
    """

    kind: Kind
    what: str
    id: str
    key: str
    message: str

    @property
    def loud(self) -> bool:
        return self.kind == "less protected"

    def __str__(self) -> str:
        where = f"{self.what} {self.id}" + (f", {self.key}" if self.key else "")
        return f"{'LESS PROTECTED: ' if self.loud else ''}{where}: {self.message}"


def plan(old: InForce, new: Documents) -> list[Change]:
    """Return every difference, the loud ones first; empty when there is nothing to apply."""
    agreements = {name: _whole(agreement_record(one)) for name, one in new.agreements.items() if name not in old.over}
    before = {name: _whole(record) for name, record in old.agreements.items()}
    contracts = {name: contract_record(one) for name, one in new.contracts.items()}
    found = [
        *_differences("contract", old.contracts, contracts, contract_losses),
        *_differences("agreement", before, agreements, losses),
        *_charter(old.charter, new.charter.model_dump(mode="json", by_alias=True)),
        *(Change("over", "agreement", name, "", _OVER) for name in sorted(old.over & new.agreements.keys())),
    ]
    return sorted(found, key=lambda change: not change.loud)


def _whole(record: Record) -> Record:
    """Return an agreement's record with the keys that it leaves out, so that two can be compared key by key."""
    return Agreement.model_validate(record).model_dump(mode="json", by_alias=True)


def _differences(what: str, old: Mapping[str, Record], new: Mapping[str, Record], lost: Losses) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        if name not in old:
            yield Change("added", what, name, "", _arrival(what, new[name]))
        elif name not in new:
            gone = "is removed: the agreement ends" if what == "agreement" else "is removed"
            yield Change("removed", what, name, "", gone)
        else:
            yield from _changed(what, name, old[name], new[name], lost)


def _arrival(what: str, record: Record) -> str:
    if what == "contract":
        return f"is new: {len(record['fields'])} fields of {record['provider']}"
    return f"is new: {record['provider']} gives {record['recipient']} a view of {record['dataset']}"


def _changed(what: str, name: str, old: Record, new: Record, lost: Losses) -> Iterator[Change]:
    loud = dict(lost(old, new))
    yield from (Change("less protected", what, name, key, message) for key, message in loud.items())
    for key, before, after in _leaves("", old, new):
        if key == "schema":
            yield Change("changed", what, name, key, "the Avro schema is another")
        elif not any(_same_part(key, one) for one in loud):
            yield Change("changed", what, name, key, f"{_said(before)} becomes {_said(after)}")


def _same_part(one: str, other: str) -> bool:
    """Say whether one key is the other or stands inside it."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _charter(old: Record | None, new: Record) -> Iterator[Change]:
    if old is None:
        yield Change("added", "charter", str(new["id"]), "", "is new")
    else:
        yield from _changed("charter", str(new["id"]), old, new, charter_losses)


def _leaves(key: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield (key, before, after) for the smallest differing parts; lists and safeguards differ as wholes."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping) and key != "schema" and "do" not in {*old, *new}:
        for name in sorted({*old, *new}):
            yield from _leaves(f"{key}.{name}" if key else name, old.get(name), new.get(name))
    else:
        yield key, old, new


def _said(value: Any) -> str:
    """Return a part of a document as a person reads it."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping) and "do" in value:
        rest = ", ".join(f"{name} {_said(part)}" for name, part in value.items() if name != "do" and part is not None)
        return f"{value['do']} ({rest})" if rest else str(value["do"])
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_said(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_said(part)}" for name, part in value.items()) + "}"
    return str(value)
