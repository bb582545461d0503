"""What CEL's operators do to values, exactly: no truthiness, 64-bit integers, errors instead of guesses.

Values are those of a decoded event: None, bool, int, float, str, bytes, list, dict, and inside of lists and dicts the
pairs that name a union's branch. An error never quotes a value.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from ...schemas.avro_union import bare

Run = Callable[[Mapping[str, Any]], Any]
Binary = Callable[[Any, Any], Any]

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
_ORDERED = (bool, str, bytes)


class CelError(Exception):
    """An evaluation error of CEL; `&&`, `||` and `?:` may absorb it."""


def int64(number: int) -> int:
    if INT_MIN <= number <= INT_MAX:
        return number
    raise CelError("integer overflow")


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def truth(value: Any) -> bool:
    """Return `value` if it is exactly True or False; nothing else stands for a truth value."""
    if value is True or value is False:
        return bool(value)
    raise CelError("not a bool")


def equal(left: Any, right: Any) -> bool:
    """CEL's ==: numbers by value across int and double, values of different types are unequal, NaN equals nothing."""
    left, right = bare(left), bare(right)
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return bool(left == right)


def unequal(left: Any, right: Any) -> bool:
    return not equal(left, right)


def contains(item: Any, holder: Any) -> bool:
    """CEL's `in`: an item of a list, or a key of a map."""
    if isinstance(holder, list):
        return any(equal(item, member) for member in holder)
    if isinstance(holder, dict):
        return isinstance(item, str) and item in holder
    raise CelError("no such overload for in")


def ordering(compare: Callable[[Any, Any], bool]) -> Binary:
    """Return CEL's ordering by `compare`: numbers with numbers, else two values of one ordered type."""

    def run(left: Any, right: Any) -> bool:
        same = type(left) is type(right) and isinstance(left, _ORDERED)
        if same or (is_number(left) and is_number(right)):
            return compare(left, right)
        raise CelError("no such overload for a comparison")

    return run


def arithmetic(integers: Callable[[int, int], int], doubles: Callable[[float, float], float] | None) -> Binary:
    """Return CEL's arithmetic: int with int, double with double, never mixed."""

    def run(left: Any, right: Any) -> int | float:
        if is_int(left) and is_int(right):
            return int64(integers(left, right))
        if doubles is not None and isinstance(left, float) and isinstance(right, float):
            return doubles(left, right)
        raise CelError("no such overload for arithmetic")

    return run


def plus(left: Any, right: Any) -> Any:
    """Numbers add; strings, bytes and lists join."""
    if type(left) is type(right) and isinstance(left, str | bytes | list):
        return left + right
    return _add(left, right)


def negate(value: Any) -> int | float:
    if isinstance(value, float):
        return -value
    if is_int(value):
        return int64(-value)
    raise CelError("no such overload for -")


def size(value: Any) -> int:
    """Code points of a string, bytes of bytes, items of a list, keys of a map."""
    if isinstance(value, str | bytes | list | dict):
        return len(value)
    raise CelError("no such overload for size")


def text_test(test: Callable[[str, str], bool]) -> Binary:
    """Return `test` for two strings, an error for anything else."""

    def run(left: Any, right: Any) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return test(left, right)
        raise CelError("no such overload for a text function")

    return run


def _quotient(left: int, right: int) -> int:
    """Divide towards zero, as CEL does."""
    if right == 0:
        raise CelError("division by zero")
    whole = abs(left) // abs(right)
    return whole if (left < 0) == (right < 0) else -whole


def _remainder(left: int, right: int) -> int:
    """The remainder has the sign of the dividend, as in CEL. The one quotient that overflows is an error here too."""
    return left - int64(_quotient(left, right)) * right


def _divide_doubles(left: float, right: float) -> float:
    """IEEE 754: a zero divisor gives an infinity or NaN."""
    if right != 0:
        return left / right
    if left == 0 or left != left:  # noqa: PLR0124 - NaN is the one value unequal to itself
        return float("nan")
    negative = (left < 0) != (str(right)[0] == "-")
    return float("-inf" if negative else "inf")


_add = arithmetic(operator.add, operator.add)

BINARY: Mapping[str, Binary] = {
    "==": equal,
    "!=": unequal,
    "<": ordering(operator.lt),
    "<=": ordering(operator.le),
    ">": ordering(operator.gt),
    ">=": ordering(operator.ge),
    "in": contains,
    "+": plus,
    "-": arithmetic(operator.sub, operator.sub),
    "*": arithmetic(operator.mul, operator.mul),
    "/": arithmetic(_quotient, _divide_doubles),
    "%": arithmetic(_remainder, None),
}

TEXT: Mapping[str, Binary] = {
    "startsWith": text_test(str.startswith),
    "endsWith": text_test(str.endswith),
    "contains": text_test(str.__contains__),
}


def selection(parent: Run, name: str) -> Run:
    """Return the evaluation of `parent.name`; an absent field or a null parent is an error."""

    def run(event: Mapping[str, Any]) -> Any:
        holder = parent(event)
        if isinstance(holder, dict) and name in holder:
            return bare(holder[name])
        raise CelError("no such field")

    return run


def presence(parent: Run, name: str, *, of_map: bool) -> Run:
    """Return the evaluation of `has(parent.name)`."""

    def run(event: Mapping[str, Any]) -> bool:
        holder = parent(event)
        if not isinstance(holder, dict):
            raise CelError("has() of nothing")
        return name in holder and (of_map or holder[name] is not None)

    return run
