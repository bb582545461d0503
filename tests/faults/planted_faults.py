"""Ten faults, each put into the transactions of an honest run: what a checker must catch, and what it must call it."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace

from checker_run import Run
from planted_copy import ABORT, LEAVE, Planted, Script, Transaction

NOISED, SEALED, PART = "permits-noised", "permits-sealed", "permits-part"
AMOUNT, NAME = "amount_cents", "name"


@dataclass(frozen=True)
class Fault:
    """`found`: what the checker must count, and nothing else."""

    name: str
    plant: Callable[["Gardener", Script], Script]
    found: dict[str, int]


class Gardener:
    """Finds good places in a run's transactions. `serials`: event by serial, as it went in."""

    def __init__(self, run: Run, events: dict[int, dict[str, object]]) -> None:
        self.run = run
        self.events = events

    def pair(self, script: Script, agreement: str) -> tuple[Planted, Planted]:
        """Return two neighbours in one partition of a view, in the busiest transaction."""
        busy = script[busiest(script)]
        for partition in busy.offsets:
            place = self.run.view(agreement), partition
            found = [one for one in busy.records if (one.topic, one.partition) == place]
            if len(found) > 1:
                return found[0], found[1]
        raise AssertionError(f"{agreement} has no two records in a partition of one transaction")

    def changed(self, one: Planted, **values: object) -> Planted:
        """Return a record of a view with other values, at the top or in `holder`."""
        schema_id = int.from_bytes((one.value or b"")[1:5])
        record = self.run.codec.read(one.value) or {}
        inside = {name: value for name, value in values.items() if name in record.get("holder", {})}
        outside = {name: value for name, value in values.items() if name not in inside}
        record |= outside | ({"holder": record["holder"] | inside} if inside else {})
        return replace(one, value=self.run.codec.write(schema_id, record), serial=record["serial"])

    def name_of(self, one: Planted) -> bytes:
        """Return what must not be seen of the input of a record: a canary."""
        holder = self.events[one.serial]["holder"]
        assert isinstance(holder, dict)
        return str(holder[NAME]).encode()


def busiest(script: Script) -> int:
    """Return which transaction has most records."""
    return max(range(len(script)), key=lambda number: len(script[number].records))


def edited(script: Script, edit: Callable[[list[Planted]], list[Planted]]) -> Script:
    """Return a script whose busiest transaction holds what `edit` makes of its records."""
    number = busiest(script)
    return [*script[:number], replace(script[number], records=edit(script[number].records)), *script[number + 1 :]]


def attempted(script: Script, record: Planted) -> Script:
    """Return a script in which a record was tried and aborted before the busiest transaction."""
    number = busiest(script)
    return [*script[:number], Transaction([record], ends=ABORT), *script[number:]]


def loss(gardener: Gardener, script: Script) -> Script:
    gone, _ = gardener.pair(script, SEALED)
    return edited(script, lambda records: [one for one in records if one != gone])


def duplicate(gardener: Gardener, script: Script) -> Script:
    again, _ = gardener.pair(script, SEALED)
    return edited(script, lambda records: [*records, again])


def reorder(gardener: Gardener, script: Script) -> Script:
    first, second = gardener.pair(script, SEALED)
    swapped = {first: second, second: first}
    return edited(script, lambda records: [swapped.get(one, one) for one in records])


def tear(gardener: Gardener, script: Script) -> Script:
    """One view's part of a transaction is not there."""
    topic = gardener.run.view(PART)
    return edited(script, lambda records: [one for one in records if one.topic != topic])


def forbidden_row(gardener: Gardener, script: Script) -> Script:
    """A row that the predicate withholds, in every other respect as it would be."""
    part, sealed = gardener.run.view(PART), gardener.run.view(SEALED)
    records = script[busiest(script)].records
    given = {one.serial for one in records if one.topic == part}
    pattern = next(one for one in records if one.topic == part)
    kept = next(one for one in records if one.topic == sealed and one.serial not in given)
    row = replace(gardener.changed(pattern, serial=kept.serial, region="S"), partition=kept.partition)
    return edited(script, lambda records: [*records, row])


def leak(gardener: Gardener, script: Script) -> Script:
    """A name where its ciphertext should be."""
    clear, _ = gardener.pair(script, SEALED)
    shown = gardener.changed(clear, **{NAME: gardener.name_of(clear)})
    return edited(script, lambda records: [shown if one == clear else one for one in records])


def leak_aborted(gardener: Gardener, script: Script) -> Script:
    """A name in base64, in an attempt that was aborted."""
    clear, _ = gardener.pair(script, SEALED)
    coded = b"name=" + base64.b64encode(b"x" + gardener.name_of(clear))
    return attempted(script, gardener.changed(clear, **{NAME: coded}))


def redrawn(gardener: Gardener, script: Script) -> Script:
    """An aborted attempt with other noise on the same number."""
    drawn, _ = gardener.pair(script, NOISED)
    amount = (gardener.run.codec.read(drawn.value) or {})[AMOUNT]
    return attempted(script, gardener.changed(drawn, **{AMOUNT: amount + 1}))


def hang(gardener: Gardener, script: Script) -> Script:
    again, _ = gardener.pair(script, SEALED)
    return [*script, Transaction([again], ends=LEAVE)]


def unquarantined(gardener: Gardener, script: Script) -> Script:
    """Poison that is nowhere, where its transaction has more of it."""
    for number, one in enumerate(script):
        poison = [each for each in one.records if each.topic == gardener.run.quarantine]
        if len(poison) > 1:
            rest = replace(one, records=[each for each in one.records if each != poison[0]])
            return [*script[:number], rest, *script[number + 1 :]]
    raise AssertionError("no transaction has two poison records")


FAULTS = (
    Fault("loss", loss, {"missing": 1}),
    Fault("duplicate", duplicate, {"duplicates": 1}),
    Fault("reorder", reorder, {"reordered": 1}),
    Fault("torn", tear, {"torn": 1, "missing": -1}),
    Fault("forbidden row", forbidden_row, {"forbidden": 1}),
    Fault("plaintext leak", leak, {"leaks": 1, "forbidden": 1}),
    Fault("leak in an aborted record", leak_aborted, {"leaks": 1}),
    Fault("redrawn noise", redrawn, {"redrawn": 1}),
    Fault("hung transaction", hang, {"hung": 1}),
    Fault("missing quarantine", unquarantined, {"unquarantined": 1}),
)
"""-1: as many as the fault takes."""
