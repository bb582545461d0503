"""A small CEL: recursive descent from text to a tree of tuples, then a walk over the tree.

The language is the subset of docs/agreements.md. Values are what Avro stores. A point in time is an integer that knows
how many nanoseconds one of it is, so that `paid_at > timestamp("2026-01-31T00:00:00Z")` compares what both mean.
"""

import re
from datetime import UTC, datetime
from typing import Any, Self

NS = {
    "date": 86_400 * 10**9,
    "timestamp-millis": 10**6,
    "timestamp-micros": 10**3,
    "timestamp-nanos": 1,
    "local-timestamp-millis": 10**6,
    "local-timestamp-micros": 10**3,
    "local-timestamp-nanos": 1,
}


class Error(Exception):
    """The expression has no value for this event."""


class Moment(int):
    """A point in time in its own unit."""

    ns: int

    def __new__(cls, number: int, ns: int) -> Self:
        made = super().__new__(cls, number)
        made.ns = ns
        return made


class Record(dict):
    """A record, which unlike a map always has its fields: has() asks whether they are null."""


# --- text to tree -----------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>0x[0-9a-fA-F]+|\d+\.\d*(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.\d+(?:[eE][-+]?\d+)?|\d+)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<mark>&&|\|\||[<>=!]=|[-+*/%<>!?:.,()\[\]]))""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}


def tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"no CEL at {at}")
        found.append((str(match.lastgroup), match.group(str(match.lastgroup))))
        at = match.end()
    return [*found, ("end", "")]


class Parser:
    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.at = 0

    def peek(self) -> str:
        kind, text = self.tokens[self.at]
        return text if kind in {"mark", "name"} else kind

    def take(self, wanted: str | None = None) -> tuple[str, str]:
        if wanted is not None and self.peek() != wanted:
            raise ValueError(f"{wanted} is wanted, not {self.peek()}")
        self.at += 1
        return self.tokens[self.at - 1]

    def whole(self) -> Any:
        tree = self.conditional()
        self.take("end")
        return tree

    def conditional(self) -> Any:
        test = self.left_to_right(0)
        if self.peek() != "?":
            return test
        self.take()
        yes = self.left_to_right(0)
        self.take(":")
        return ("?:", test, yes, self.conditional())

    LEVELS = (("||",), ("&&",), ("<", "<=", ">", ">=", "==", "!=", "in"), ("+", "-"), ("*", "/", "%"))

    def left_to_right(self, level: int) -> Any:
        if level == len(self.LEVELS):
            return self.unary()
        left = self.left_to_right(level + 1)
        while self.peek() in self.LEVELS[level] and self.tokens[self.at][0] in {"mark", "name"}:
            name = self.take()[1]
            left = (name, left, self.left_to_right(level + 1))
        return left

    def unary(self) -> Any:
        if self.peek() in {"!", "-"}:
            name = self.take()[1]
            return (f"unary {name}", self.unary())
        return self.member()

    def member(self) -> Any:
        tree = self.primary()
        while self.peek() == ".":
            self.take()
            name = self.take()[1]
            tree = ("call", name, [tree, *self.arguments()]) if self.peek() == "(" else ("select", tree, name)
        return tree

    def arguments(self) -> list[Any]:
        self.take("(")
        return self.items(")")

    def items(self, end: str) -> list[Any]:
        found = []
        while self.peek() != end:
            found.append(self.conditional())
            if self.peek() != end:
                self.take(",")
        self.take(end)
        return found

    def primary(self) -> Any:
        kind, text = self.take()
        if kind == "number":
            return ("literal", number(text))
        if kind == "string":
            return ("literal", re.sub(r"\\(.)", lambda match: _ESCAPES[match.group(1)], text[1:-1]))
        if text == "(":
            tree = self.conditional()
            self.take(")")
            return tree
        if text == "[":
            return ("list", self.items("]"))
        if kind != "name":
            raise ValueError(f"{text} begins nothing")
        if text in {"true", "false", "null"}:
            return ("literal", {"true": True, "false": False, "null": None}[text])
        return ("call", text, self.arguments()) if self.peek() == "(" else ("field", text)


def number(text: str) -> int | float:
    if text.startswith("0x"):
        return int(text, 16)
    return float(text) if re.search(r"[.eE]", text) else int(text)


# --- tree to value ----------------------------------------------------------------------------------------------------


def evaluate(text: str, event: Record) -> bool:
    """Return what the predicate says of an event. Raises Error when it says neither true nor false."""
    return truth(value(Parser(text).whole(), event))


def truth(found: Any) -> bool:
    if not isinstance(found, bool):
        raise Error("neither true nor false")
    return found


def value(tree: Any, event: Record) -> Any:  # noqa: PLR0911 - one line a node
    name = tree[0]
    if name == "literal":
        return tree[1]
    if name == "list":
        return [value(item, event) for item in tree[1]]
    if name == "field":
        return select(event, tree[1])
    if name == "select":
        return select(value(tree[1], event), tree[2])
    if name == "?:":
        return value(tree[2] if truth(value(tree[1], event)) else tree[3], event)
    if name in {"&&", "||"}:
        return logic(tree, event, decisive=name == "||")
    if name == "unary !":
        return not truth(value(tree[1], event))
    if name == "unary -":
        return minus(value(tree[1], event))
    if name == "call":
        return call(tree[1], tree[2], event)
    return binary(name, value(tree[1], event), value(tree[2], event))


def select(holder: Any, name: str) -> Any:
    if not isinstance(holder, dict) or name not in holder:
        raise Error("no such field")
    return holder[name]


def logic(tree: Any, event: Record, *, decisive: bool) -> bool:
    """Either side may decide alone; only when neither does, an error of either side counts."""
    sides, failed = [], None
    for side in tree[1:]:
        try:
            sides.append(truth(value(side, event)))
        except Error as error:
            failed = error
    if decisive in sides:
        return decisive
    if failed is not None:
        raise failed
    return not decisive


def minus(found: Any) -> Any:
    if isinstance(found, float):
        return -found
    return in_range(-int(need_int(found)))


def call(name: str, arguments: list[Any], event: Record) -> Any:
    if name == "has":
        _select, holder_tree, field = arguments[0]
        holder = value(holder_tree, event)
        if not isinstance(holder, dict):
            raise Error("has() of nothing")
        if isinstance(holder, Record):
            return holder.get(field) is not None
        return field in holder
    values = [value(argument, event) for argument in arguments]
    if name == "size":
        if not isinstance(values[0], str | bytes | list | dict):
            raise Error("no size")
        return len(values[0])
    if name == "timestamp":
        moment = datetime.fromisoformat(values[0]).astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return Moment(((moment.days * 86_400 + moment.seconds) * 10**6 + moment.microseconds) * 1000, 1)
    left, right = values
    if not (isinstance(left, str) and isinstance(right, str)):
        raise Error("not text")
    return {"startsWith": left.startswith, "endsWith": left.endswith, "contains": left.__contains__}[name](right)


def need_int(found: Any) -> int:
    if isinstance(found, bool) or not isinstance(found, int):
        raise Error("no whole number")
    return found


def in_range(found: int) -> int:
    if not -(2**63) <= found < 2**63:
        raise Error("beyond 64 bits")
    return found


def is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)


def kind(found: Any) -> str:
    for name, types in (
        ("null", type(None)), ("bool", bool), ("number", int | float), ("string", str), ("bytes", bytes),
        ("list", list), ("map", dict),
    ):  # fmt: skip
        if isinstance(found, types):
            return name
    raise Error("no CEL value")


def in_ns(left: Any, right: Any) -> tuple[Any, Any]:
    if isinstance(left, Moment) and isinstance(right, Moment):
        return int(left) * left.ns, int(right) * right.ns
    return left, right


def equal(left: Any, right: Any) -> bool:
    left, right = in_ns(left, right)
    if kind(left) != kind(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(equal(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return bool(left == right)


def less(left: Any, right: Any) -> bool:
    left, right = in_ns(left, right)
    if kind(left) != kind(right) or kind(left) in {"null", "list", "map"}:
        raise Error("not ordered")
    return bool(left < right)


def binary(name: str, left: Any, right: Any) -> Any:  # noqa: PLR0911 - one line an operator
    if name == "==":
        return equal(left, right)
    if name == "!=":
        return not equal(left, right)
    if name in {"<", ">="}:
        return ordered(name, left, right)
    if name in {">", "<="}:
        return ordered({">": "<", "<=": ">="}[name], right, left)
    if name == "in":
        if isinstance(right, list):
            return any(equal(left, item) for item in right)
        if isinstance(right, dict):
            return isinstance(left, str) and left in right
        raise Error("neither list nor map")
    return arithmetic(name, left, right)


def ordered(name: str, left: Any, right: Any) -> bool:
    """Say `left < right`, or `left >= right`; NaN is neither less nor greater nor equal."""
    below = less(left, right)
    if name == "<":
        return below
    return equal(left, right) or less(right, left)


def arithmetic(name: str, left: Any, right: Any) -> Any:
    if name == "+" and type(left) is type(right) and isinstance(left, str | bytes | list):
        return left + right
    if isinstance(left, float) and isinstance(right, float):
        return doubles(name, left, right)
    a, b = int(need_int(left)), int(need_int(right))
    if name in {"/", "%"}:
        if b == 0:
            raise Error("division by zero")
        towards_zero = in_range(abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1))
        return towards_zero if name == "/" else a - towards_zero * b
    return in_range({"+": a + b, "-": a - b, "*": a * b}[name])


def doubles(name: str, a: float, b: float) -> float:
    if name == "%":
        raise Error("no remainder of doubles")
    if name != "/":
        return {"+": a + b, "-": a - b, "*": a * b}[name]
    if b != 0:
        return a / b
    if a == 0 or a != a:  # noqa: PLR0124 - only NaN is unlike itself
        return float("nan")
    return float("inf") if (a > 0) == (not str(b).startswith("-")) else float("-inf")
