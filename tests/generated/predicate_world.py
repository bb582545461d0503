"""A grammar of predicates over a schema: well typed as written, though an event may still make them fail."""

from typing import Any

from avro_world import Place
from hypothesis import strategies as st

ORDER = ("<", "<=", ">", ">=", "==", "!=")
INTS = st.integers(-3, 3).map(lambda number: f"({number})" if number < 0 else str(number))
DOUBLES = st.sampled_from(["0.0", "0.1", "1.5", "1e3", "(-0.5)"])
TEXTS = st.sampled_from(['""', '"a"', "'ab'", '"b"'])
TIMES = st.sampled_from(["1970-01-01T00:00:00Z", "2026-10-01T03:00:00+03:00", "1899-12-31T23:59:59.5Z"])
UNITS = {"date", "timestamp-millis", "timestamp-micros", "local-timestamp-millis"}


class World:
    """The fields that a predicate can name: those outside arrays and maps, by what can be done with them."""

    def __init__(self, places: list[Place]) -> None:
        self.reachable = [place for place in places if "[" not in place.path and "{" not in place.path]
        # A map's value or an array's item, to know what `in` and `m.k` compare.
        self.below = {place.path: place for place in places}

    def of(self, *kinds: str, logical: bool | None = None) -> list[str]:
        return [
            place.path
            for place in self.reachable
            if place.kind in kinds and (logical is None or (place.logical in UNITS) is logical)
        ]

    def inside(self, mark: str, *kinds: str) -> list[str]:
        """Return arrays ("[]") or maps ("{}") whose items or values are of `kinds` and count in no unit."""
        ends = [place for place in self.below.values() if place.path.endswith(mark)]
        fitting = [place.path[:-2] for place in ends if place.kind in kinds and place.logical not in UNITS]
        return [path for path in fitting if "[" not in path and "{" not in path]


def predicates(places: list[Place]) -> st.SearchStrategy[str]:
    world = World(places)
    return st.recursive(atoms(world), lambda inner: combined(inner, world), max_leaves=6)


def combined(inner: st.SearchStrategy[str], world: World) -> st.SearchStrategy[str]:
    choices: list[st.SearchStrategy[str]] = [
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!{}".format, inner.map(lambda text: f"({text})")),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ]
    if numbers := world.of("int", "long", logical=False):
        field = st.sampled_from(numbers)
        choices.append(st.builds("(({} ? {} : {}) > {})".format, inner, field, INTS, INTS))
    return st.one_of(choices)


def atoms(world: World) -> st.SearchStrategy[str]:
    found: list[st.SearchStrategy[str]] = [st.sampled_from(["true", "false", "1 / 0 == 1", "'a' + 'b' == 'ab'"])]
    for make in (_numbers, _texts, _times, _nulls, _containers, _unions):
        found += make(world)
    if booleans := world.of("boolean"):
        found += [
            st.sampled_from(booleans),
            st.builds("{} == {}".format, st.sampled_from(booleans), st.sampled_from(["true", "false"])),
        ]
    return st.one_of(found)


def _numbers(world: World) -> list[st.SearchStrategy[str]]:
    found: list[st.SearchStrategy[str]] = []
    order = st.sampled_from(ORDER)
    if ints := world.of("int", "long", logical=False):
        field = st.sampled_from(ints)
        number = st.one_of(
            field,
            st.builds("({} {} {})".format, field, st.sampled_from(["+", "-", "*", "/", "%"]), field | INTS),
            field.map(lambda path: f"(-{path})"),
        )
        found.append(st.builds("{} {} {}".format, number, order, number | INTS | DOUBLES))
        found.append(st.builds("{} in [{}, {}]".format, field, INTS, DOUBLES))
    if doubles := world.of("float", "double"):
        field = st.sampled_from(doubles)
        number = field | st.builds("({} {} {})".format, field, st.sampled_from("+-*/"), field | DOUBLES)
        found.append(st.builds("{} {} {}".format, number, order, number | DOUBLES | INTS))
    return found


def _texts(world: World) -> list[st.SearchStrategy[str]]:
    found: list[st.SearchStrategy[str]] = []
    if texts := world.of("string"):
        field = st.sampled_from(texts)
        calls = st.sampled_from(["startsWith", "endsWith", "contains"])
        found += [
            st.builds("{} {} {}".format, field, st.sampled_from(ORDER), field | TEXTS),
            st.builds("{}.{}({})".format, field, calls, TEXTS),
            st.builds("size({}) > {}".format, field, INTS),
            st.builds("{} in [{}, {}]".format, field, TEXTS, TEXTS),
            st.builds("{} + {} != {}".format, field, TEXTS, TEXTS),
        ]
    enums = [place for place in world.reachable if place.kind == "enum"]
    for place in enums:
        symbol = st.sampled_from(place.schema["symbols"])
        found.append(st.builds(f"{place.path} {{}} '{{}}'".format, st.sampled_from(["==", "!="]), symbol))
        found.append(symbol.map(lambda one, path=place.path: f"{path} in ['{one}']"))  # type: ignore[misc]
    if raw := world.of("bytes", "fixed"):
        found.append(st.builds("{}.size() {} {}".format, st.sampled_from(raw), st.sampled_from(ORDER), INTS))
    return found


def _times(world: World) -> list[st.SearchStrategy[str]]:
    if not (times := world.of("int", "long", logical=True)):
        return []
    field = st.sampled_from(times)
    other = field | TIMES.map(lambda text: f"timestamp('{text}')")
    return [st.builds("{} {} {}".format, field, st.sampled_from(ORDER), other)]


def _nulls(world: World) -> list[st.SearchStrategy[str]]:
    found: list[st.SearchStrategy[str]] = []
    if world.reachable:
        paths = st.sampled_from([place.path for place in world.reachable])
        found.append(st.builds("{} {} null".format, paths, st.sampled_from(["==", "!="])))
    if nested := [place.path for place in world.reachable if "." in place.path]:
        found.append(st.sampled_from(nested).map("has({})".format))
    return found


def _containers(world: World) -> list[st.SearchStrategy[str]]:
    found: list[st.SearchStrategy[str]] = []
    if holders := world.of("array", "map"):
        found.append(st.builds("size({}) > {}".format, st.sampled_from(holders), INTS))
    if maps := world.of("map"):
        field = st.sampled_from(maps)
        found += [
            st.builds("{} in {}".format, TEXTS, field),
            field.map("has({}.a)".format),
            field.map("{}.a == null".format),
        ]
    for mark, form in (("[]", "{1} in {0}"), ("{}", "{0}.a == {1}")):
        for kinds, literal in ((("int", "long"), INTS), (("string",), TEXTS), (("float", "double"), DOUBLES)):
            if paths := world.inside(mark, *kinds):
                found.append(st.builds(form.format, st.sampled_from(paths), literal))
    return found


def _unions(world: World) -> list[st.SearchStrategy[str]]:
    """Compare a union of several branches with a literal of one of them."""
    literals: dict[str, Any] = {"string": TEXTS, "long": INTS, "int": INTS, "double": DOUBLES, "float": DOUBLES}
    return [
        st.builds("{} {} {}".format, st.just(place.path), st.sampled_from(["==", "!="]), literals[branch["type"]])
        for place in world.reachable
        if place.kind == "union"
        for branch in place.schema
        if branch["type"] in literals and branch.get("logicalType") not in UNITS
    ]
