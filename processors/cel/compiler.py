"""From CEL's syntax tree to closures over an event; every type error that the schema can show is found here."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from lark import Token, Tree

from . import operators
from .fields import Fields
from .literals import instant_ns, literal
from .operators import CelError, Run, truth
from .shapes import Shape, need_bool, need_equality, need_overload, refuse, said, shape

MAX_DEPTH = 100
_NAMES = {
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "eq": "==",
    "ne": "!=",
    "in": "in",
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "mod": "%",
}
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}

Node = Tree[Token]


@dataclass(frozen=True, slots=True)
class Code:
    """An expression: what is known of it, and how to evaluate it."""

    shape: Shape
    run: Run


class Compiler:
    """Compiles one expression; `paths` collects the fields that it reads."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._fields = Fields(schema)
        self._read: Counter[str] = Counter()

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(path for path, times in self._read.items() if times > 0)

    def code(self, tree: Node, depth: int = 0) -> Code:
        """Return the code of `tree`. A node with one child only states precedence, and is passed through."""
        tree = _inner(tree)
        if depth > MAX_DEPTH:
            refuse("is nested too deep", f"at most {MAX_DEPTH} levels; use `in` with a list instead of many ||")
        make: Callable[[Node, int], Code] | None = getattr(self, f"_{tree.data}", None)
        if make is None:
            refuse(f"{tree.data.replace('_', ' ')} is not in the subset of CEL")
        return make(tree, depth + 1)

    def _expr(self, tree: Node, depth: int) -> Code:
        test, yes, no = (self.code(_child(tree, at), depth) for at in range(3))
        need_bool(test.shape, "?:")
        yes, no = _in_one_unit(yes, no)
        run_test, run_yes, run_no = test.run, yes.run, no.run
        either = Shape(
            yes.shape.kinds | no.shape.kinds,
            "?:",
            types=yes.shape.types + no.shape.types,
            members=yes.shape.members + no.shape.members,
            unit_ns=yes.shape.unit_ns if yes.shape.unit_ns == no.shape.unit_ns else 0,
        )
        return Code(either, lambda event: run_yes(event) if truth(run_test(event)) else run_no(event))

    def _conditionalor(self, tree: Node, depth: int) -> Code:
        return self._logic(tree, depth, "||", decisive=True)

    def _conditionaland(self, tree: Node, depth: int) -> Code:
        return self._logic(tree, depth, "&&", decisive=False)

    def _logic(self, tree: Node, depth: int, name: str, *, decisive: bool) -> Code:
        """Compile || (True decides) or && (False decides): either side may decide, even if the other is an error."""
        left, right = self.code(_child(tree, 0), depth), self.code(_child(tree, 1), depth)
        need_bool(left.shape, name)
        need_bool(right.shape, name)
        run_left, run_right = left.run, right.run

        def run(event: Mapping[str, Any]) -> bool:
            try:
                first = truth(run_left(event))
            except CelError:
                if truth(run_right(event)) is decisive:
                    return decisive
                raise
            return decisive if first is decisive else truth(run_right(event))

        return Code(shape(name, "bool"), run)

    def _unary(self, tree: Node, depth: int) -> Code:
        inner = self.code(_child(tree, 1), depth)
        run = inner.run
        if _child(tree, 0).data == "unary_not":
            need_bool(inner.shape, "!")
            return Code(shape("!", "bool"), lambda event: not truth(run(event)))
        kinds = inner.shape.kinds & {"int", "double"}
        if not kinds:
            refuse(f"- before {said(inner.shape)}, which is no number")
        return Code(shape("-", *kinds), lambda event: operators.negate(run(event)))

    def _relation(self, tree: Node, depth: int) -> Code:
        """Compile `left operator right`: the first child holds the left side and is named for the operator."""
        head = _child(tree, 0)
        name = _NAMES[head.data.rpartition("_")[2]]
        left, right = self.code(_child(head, 0), depth), self.code(_child(tree, 1), depth)
        if name in _COMPARISONS:
            left, right = _in_one_unit(left, right)
        kinds = self._result(name, left.shape, right.shape)
        apply, run_left, run_right = operators.BINARY[name], left.run, right.run
        return Code(shape(f"the result of {name}", *kinds), lambda event: apply(run_left(event), run_right(event)))

    _addition = _multiplication = _relation

    def _result(self, name: str, left: Shape, right: Shape) -> frozenset[str]:
        """Return the kinds that the operator gives, or refuse."""
        if name == "in":
            self._need_membership(left, right)
        elif name in {"==", "!="}:
            need_equality(left, right)
        else:
            kinds = need_overload(name, left, right)
            return frozenset({"bool"}) if name in _COMPARISONS else kinds
        return frozenset({"bool"})

    def _need_membership(self, item: Shape, holder: Shape) -> None:
        if not holder.kinds & {"list", "map"}:
            refuse(f"`in` looks into a list or a map, and {said(holder)} is neither")
        for member in (*holder.members, *self._fields.members(holder)):
            need_equality(item, member)

    def _ident_arg(self, tree: Node, depth: int) -> Code:
        name, arguments = str(tree.children[0]), _arguments(tree, 1)
        if len(arguments) == 1 and name == "has":
            return self._has(arguments[0], depth)
        if len(arguments) == 1 and name == "size":
            return _size(self.code(arguments[0], depth))
        if len(arguments) == 1 and name == "timestamp":
            return _timestamp(self.code(arguments[0], depth).shape)
        return refuse(
            f"{name}() with {len(arguments)} arguments is unknown", "known: has(a.b), size(x), timestamp(text)"
        )

    def _member_dot_arg(self, tree: Node, depth: int) -> Code:
        target, name, arguments = self.code(_child(tree, 0), depth), str(tree.children[1]), _arguments(tree, 2)
        if name == "size" and not arguments:
            return _size(target)
        if name not in operators.TEXT or len(arguments) != 1:
            why = "; matches() could take unbounded time" if name == "matches" else ""
            refuse(f".{name}() with {len(arguments)} arguments is unknown", f"known: {', '.join(operators.TEXT)}{why}")
        argument = self.code(arguments[0], depth)
        need_overload(name, target.shape, argument.shape)
        test, run, run_argument = operators.TEXT[name], target.run, argument.run
        return Code(shape(f".{name}()", "bool"), lambda event: test(run(event), run_argument(event)))

    def _has(self, tree: Node, depth: int) -> Code:
        """Compile has(a.b). A record's field is set if it is not null, as in a protocol buffer; a map has its keys."""
        tree = _inner(tree)
        if tree.data != "member_dot":
            refuse("has() takes a selection such as has(payer.country)", "of a top-level field write: field != null")
        parent, name = self.code(_child(tree, 0), depth), str(tree.children[1])
        self._select(parent, name)
        return Code(
            shape("has()", "bool"), operators.presence(parent.run, name, of_map=parent.shape.kinds <= {"map", "null"})
        )

    def _member_dot(self, tree: Node, depth: int) -> Code:
        return self._select(self.code(_child(tree, 0), depth), str(tree.children[1]))

    def _ident(self, tree: Node, _depth: int) -> Code:
        return self._select(Code(self._fields.root, lambda event: event), str(tree.children[0]))

    def _select(self, parent: Code, name: str) -> Code:
        found = self._fields.select(parent.shape, name)
        # What is only passed through on the way to a field is not read.
        self._read[parent.shape.path] -= 1
        self._read[found.path] += 1
        return Code(found, operators.selection(parent.run, name))

    def _list_lit(self, tree: Node, depth: int) -> Code:
        items = [self.code(each, depth) for each in _arguments(tree, 0)]
        if any("timestamp" in item.shape.kinds for item in items):
            refuse("a list cannot hold timestamp()", "compare with each by itself")
        runs = [item.run for item in items]
        found = replace(shape("a list", "list"), members=tuple(item.shape for item in items))
        return Code(found, lambda event: [run(event) for run in runs])

    def _literal(self, tree: Node, _depth: int) -> Code:
        token = cast("Token", tree.children[0])
        kind, value = literal(token)
        found = shape(str(token), kind)
        return Code(replace(found, text=value) if kind == "string" else found, lambda _event: value)


def _inner(tree: Node) -> Node:
    while len(tree.children) == 1 and isinstance(tree.children[0], Tree) and tree.data not in {"list_lit", "map_lit"}:
        tree = tree.children[0]
    return tree


def _child(tree: Node, at: int) -> Node:
    return cast("Node", tree.children[at])


def _arguments(tree: Node, at: int) -> list[Node]:
    return cast("list[Node]", _child(tree, at).children) if len(tree.children) > at else []


def _size(of: Code) -> Code:
    if not of.shape.kinds & {"string", "bytes", "list", "map"}:
        refuse(f"size() of {said(of.shape)}, which has none")
    run = of.run
    return Code(shape("size()", "int"), lambda event: operators.size(run(event)))


def _timestamp(of: Shape) -> Code:
    if of.text is None:
        refuse("timestamp() takes a text literal", 'write timestamp("2026-01-31T00:00:00Z")')
    moment = instant_ns(of.text)
    return Code(replace(shape("timestamp()", "timestamp"), unit_ns=1), lambda _event: moment)


def _in_one_unit(left: Code, right: Code) -> tuple[Code, Code]:
    """Return both in nanoseconds if both are points in time and count in different units."""
    units = {left.shape.unit_ns, right.shape.unit_ns}
    if 0 in units or (len(units) == 1 and "timestamp" not in left.shape.kinds | right.shape.kinds):
        return left, right
    return _in_ns(left), _in_ns(right)


def _in_ns(code: Code) -> Code:
    unit, run = code.shape.unit_ns, code.run

    def scaled(event: Mapping[str, Any]) -> Any:
        value = run(event)
        return value * unit if operators.is_int(value) else value

    kinds = frozenset("int" if kind == "timestamp" else kind for kind in code.shape.kinds)
    return Code(replace(code.shape, kinds=kinds, unit_ns=1), scaled)
