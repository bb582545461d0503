"""Quality: which of its contract's rules an event breaks. Pure: the instant of arrival comes in."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from ..schemas.avro_paths import Leaf, getter, leaves, steps
from ..schemas.avro_union import bare
from ..schemas.contract import DataContract
from ..schemas.contract_quality import Future, Late, Quality, Range, Unit
from .instants import instant_ms

Event = Mapping[str, Any]
Flags = tuple[str, ...]
Breaks = Callable[[Event, int], bool]
"""Says whether an event that arrived at an instant (ms) breaks a rule."""


def flagger(contract: DataContract) -> Callable[[Event, int], Flags]:
    """Return the function that gives the sorted flags of an event (physical form) and its arrival in ms.

    Null breaks no rule; of several values of a field one that breaks it is enough.
    """
    if not contract.quality:
        return lambda _event, _arrival_ms: ()
    known = leaves(contract.schema)
    checks = sorted((one.flag, _breaks(one, contract, known)) for one in contract.quality)

    def flags(event: Event, arrival_ms: int) -> Flags:
        return tuple(flag for flag, breaks in checks if breaks(event, arrival_ms))

    return flags


def _breaks(quality: Quality, contract: DataContract, known: Mapping[str, Leaf]) -> Breaks:
    rule = quality.rule
    if isinstance(rule, Late | Future):
        return _out_of_time(rule, contract, known[contract.event_time])
    holds = _in_range(rule, known[quality.path]) if isinstance(rule, Range) else _in_unit(rule)
    if "[]" not in quality.path and "{}" not in quality.path:
        return _single(getter(quality.path), holds)
    values = every(quality.path)
    return lambda event, _arrival_ms: not all(holds(value) for value in values(event))


def _single(value_of: Callable[[Event], Any], holds: Callable[[Any], bool]) -> Breaks:
    """The same for a path of one value, which most are."""

    def breaks(event: Event, _arrival_ms: int) -> bool:
        value = value_of(event)
        return value is not None and not holds(value)

    return breaks


def _out_of_time(rule: Late | Future, contract: DataContract, leaf: Leaf) -> Breaks:
    time, to_ms, after_ms = getter(contract.event_time), instant_ms(leaf), rule.after_ms
    if isinstance(rule, Late):
        return lambda event, arrival_ms: arrival_ms - to_ms(time(event)) > after_ms
    return lambda event, arrival_ms: to_ms(time(event)) - arrival_ms > after_ms


def _in_unit(rule: Unit) -> Callable[[Any], bool]:
    return frozenset(rule.one_of).__contains__


def _in_range(rule: Range, leaf: Leaf) -> Callable[[Any], bool]:
    low: float = float("-inf") if rule.minimum is None else rule.minimum
    high: float = float("inf") if rule.maximum is None else rule.maximum
    if leaf.logical != "decimal":
        return lambda value: low <= value <= high
    unit = 10 ** _scale(leaf.type)
    # Compared in the decimal's unit, by the bounds' digits as written: 0.29 is 29 hundredths and not a bit less.
    least, most = Decimal(str(low)) * unit, Decimal(str(high)) * unit
    return lambda value: least <= int.from_bytes(value, "big", signed=True) <= most


def _scale(type_: Any) -> int:
    branches = type_ if isinstance(type_, list) else [type_]
    return next(int(one.get("scale", 0)) for one in branches if isinstance(one, dict))


def every(path: str) -> Callable[[Event], Iterator[Any]]:
    """Return the function that gives every value at `path` of an event but nulls, each without its union's branch."""
    walk: Callable[[Any], Iterator[Any]] = _itself
    for step in reversed(steps(path)):
        walk = partial(_STEPS.get(step, _field), step, walk)
    return walk


def _itself(value: Any) -> Iterator[Any]:
    if (found := bare(value)) is not None:
        yield found


def _field(name: str, walk: Callable[[Any], Iterator[Any]], value: Any) -> Iterator[Any]:
    if (found := bare(value)) is not None:
        yield from walk(found[name])


def _items(_step: str, walk: Callable[[Any], Iterator[Any]], value: Any) -> Iterator[Any]:
    for item in bare(value) or ():
        yield from walk(item)


def _values(_step: str, walk: Callable[[Any], Iterator[Any]], value: Any) -> Iterator[Any]:
    for item in (bare(value) or {}).values():
        yield from walk(item)


_STEPS: Mapping[str, Callable[[str, Callable[[Any], Iterator[Any]], Any], Iterator[Any]]] = {
    "[]": _items,
    "{}": _values,
}
