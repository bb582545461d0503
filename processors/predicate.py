"""Row predicates: which records an agreement covers, in a subset of CEL (see docs/agreements.md).

A predicate is compiled once against a data contract's schema and called per decoded event. It reads physical values:
a date is its day number and a timestamp its count, but each may be compared with `timestamp("2026-01-31T00:00:00Z")`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from celpy.celparser import CELParseError, CELParser

from ..schemas.errors import DocumentError, PenstockError
from .cel.compiler import Compiler
from .cel.operators import CelError, Run
from .cel.shapes import need_bool

MAX_TEXT = 10_000


class PredicateError(PenstockError):
    """A predicate did not come out as true or false for a record. Holds no value of the record."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """A compiled predicate. `paths` are the fields that it reads."""

    text: str
    paths: frozenset[str]
    _run: Run

    def __call__(self, event: Mapping[str, Any]) -> bool:
        """Return whether the agreement covers `event`. Raises PredicateError for anything but exactly true or false."""
        try:
            found = self._run(event)
        except CelError as error:
            raise PredicateError(f"the predicate cannot be evaluated: {error}") from None
        except Exception as error:  # noqa: BLE001 - whatever an event does to us withholds it (law 1)
            # From None and by type only: a message of Python's could quote a value (law 5).
            raise PredicateError(f"the predicate cannot be evaluated: {type(error).__name__}") from None
        if found is True or found is False:
            return bool(found)
        raise PredicateError("the predicate is neither true nor false")


def make_parser() -> None:
    """Make the parser of CEL, once for the process: it takes a third of a second, else of the first predicate."""
    CELParser()


def compile_predicate(text: str, schema: Mapping[str, Any]) -> Predicate:
    """Return the predicate `text` over events of the Avro record `schema`.

    Raises DocumentError, naming the field and the remedy, for a syntax error, an unknown field or function, and a type
    that the schema shows to be wrong.
    """
    if len(text) > MAX_TEXT:
        raise DocumentError(f"predicate: longer than {MAX_TEXT} characters", remedy="split the agreement")
    try:
        parsed = CELParser().parse(text)
    except CELParseError as error:
        where = f" at line {error.line}, column {error.column}" if error.line and error.line > 0 else ""
        raise DocumentError(
            f"predicate: not CEL{where}", remedy='write it like amount > 0 && country == "FI"'
        ) from None
    compiler = Compiler(schema)
    code = compiler.code(parsed)
    need_bool(code.shape, "the predicate as a whole")
    return Predicate(text, compiler.paths, code.run)
