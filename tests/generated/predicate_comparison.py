"""penstock's predicates and the oracle's, side by side on one schema and event."""

from collections.abc import Iterator
from itertools import permutations, product
from typing import Any

from avro_world import SPACE, a_schema, a_schema_for_predicates, places, value
from hypothesis import strategies as st
from oracle import cel
from oracle.documents import Contract
from oracle.judge import for_cel
from predicate_world import ORDER, predicates

from penstock.processors.predicate import Predicate, PredicateError, compile_predicate

Made = tuple[dict[str, Any], str, dict[str, Any]]


@st.composite
def predicates_and_events(draw: st.DrawFn, *, dense: bool = False) -> Made:
    """Return a schema, a predicate over it and an event; `dense`: of one schema, where operands often meet."""
    schema, types = a_schema_for_predicates() if dense else draw(a_schema())
    return schema, draw(predicates(list(places(schema, types)))), draw(value(schema, types))


def table() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield every operator between small operands, with the events that it is to be tried on."""
    whole = [{"n": n, "m": m} for n in range(-3, 4) for m in range(-3, 4)]
    for name in "+-*/%":
        for result in range(-9, 10):
            yield f"n {name} m == {result}", whole
    for name in ORDER:
        yield f"n {name} m", whole
        yield f"n {name} d", [{"n": n, "d": d} for n in (-1, 0, 1) for d in (-1.0, -0.5, -0.0, 0.0, 1.0)]
        yield f"s {name} t", [{"s": s, "t": t} for s in ("", "a", "b") for t in ("", "a", "b", None)]
        moments = [
            {"day": day, "ms": ms * 43_200_000, "us": us}
            for day in (-1, 0, 1)
            for ms in (-2, 0, 1, 2)
            for us in (0, None)
        ]
        for left, right in permutations(("day", "ms", "us"), 2):
            yield f"{left} {name} {right}", moments
        yield f"ms {name} timestamp('1970-01-01T12:00:00Z')", moments
    flags = ("b", "n / 0 == 0", "true", "false")
    for left, right in product(flags, flags):
        for name in ("&&", "||"):
            yield f"{left} {name} {right}", [{"b": True}, {"b": False}]
    for text in ("has(in_.a)", "in_.a == null", "in_ == null", "u == 1", "u == 'A'", "u != 'A'", "u != null"):
        nested = [{"in_": None}, {"in_": {"a": None}}, {"in_": {"a": 1}}]
        yield (
            text,
            [one | {"u": u} for one in nested for u in (1, ("string", "A"), (f"{SPACE}.E", "A"), ("string", ""))],
        )


class OfSchema(Contract):
    """The oracle's contract, from a schema alone."""

    def __init__(self, schema: Any) -> None:
        self.adopt(schema)


def verdicts(schema: dict[str, Any], text: str, *events: dict[str, Any]) -> list[tuple[object, object]]:
    """Return what penstock and what the oracle say of each event: True, False or "error"."""
    compiled, contract = compile_predicate(text, schema), OfSchema(schema)
    return [(penstock_says(compiled, event), oracle_says(text, event, contract)) for event in events]


def penstock_says(predicate: Predicate, event: dict[str, Any]) -> object:
    try:
        return predicate(event)
    except PredicateError:
        return "error"


def oracle_says(text: str, event: dict[str, Any], contract: Contract) -> object:
    try:
        return cel.evaluate(text, for_cel(event, contract.schema, "", contract))
    except cel.Error:
        return "error"


def differ(schema: dict[str, Any], text: str, *events: dict[str, Any]) -> bool:
    return any(found != wanted for found, wanted in verdicts(schema, text, *events))


def table_differs() -> list[str]:
    """Return the texts of the table about which the two differ."""
    schema, _ = a_schema_for_predicates()
    blank = {
        "n": 0, "m": 0, "d": 0.0, "s": "", "t": None, "b": False, "day": 0, "ms": 0, "us": None, "e": "A", "in_": None,
        "items": [], "u": 0, "labels": {},
    }  # fmt: skip
    return [text for text, events in table() if differ(schema, text, *(blank | one for one in events))]
