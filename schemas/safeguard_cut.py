"""Where exactly the safeguards of an agreement cut a schema: each leaf is under one of them."""

from collections.abc import Iterator, Mapping

from .avro_paths import Leaf, covers, node_at, tree_leaves
from .avro_tree import Tree
from .errors import DocumentError
from .safeguard import Encrypt, Generalise, Mask, Noise, Omit, Pass, Safeguard

_WHOLE = (Omit, Encrypt)
_NUMBERS = frozenset(("int", "long", "float", "double"))
_TIMES = ("timestamp-", "local-timestamp-")


def safeguard_cut(resolved: Tree, safeguards: Mapping[str, Safeguard]) -> dict[str, Safeguard]:
    """Return the safeguard of each node that is protected as one, in the order of the schema.

    A leaf stands for itself, except below an omitted or encrypted interior node. Omitted leaves stay single; a map
    whose every leaf is encrypted is encrypted whole, since its keys tell as much as its values. Raises DocumentError
    that lists every leaf without a safeguard or with two, every path the schema lacks, every safeguard that does not
    fit its field's type.
    """
    problems: list[str] = list(_unknown(resolved, safeguards))
    leaves = list(tree_leaves(resolved, resolved.root, "", ()))
    cut: dict[str, Safeguard] = {}
    for leaf in leaves:
        above = [path for path in safeguards if covers(path, leaf.path)]
        if len(above) == 1:
            path, safeguard = above[0], safeguards[above[0]]
            cut[path if isinstance(safeguard, _WHOLE) else leaf.path] = safeguard
            problems.extend(misfit(leaf, path, safeguard))
        elif above:
            problems.append(f"`{leaf.path}` is under several safeguards: {', '.join(sorted(above))}")
        else:
            problems.append(f"`{leaf.path}` has no safeguard")
    problems.extend(_lift_maps(cut))
    if problems:
        remedy = "give every field exactly one safeguard that fits its type"
        raise DocumentError("; ".join(dict.fromkeys(problems)), remedy=remedy)
    order = {leaf.path: index for index, leaf in enumerate(leaves)}
    return dict(sorted(cut.items(), key=lambda entry: _first_leaf(order, entry[0])))


def _unknown(resolved: Tree, safeguards: Mapping[str, Safeguard]) -> Iterator[str]:
    for path in safeguards:
        try:
            node_at(resolved, path)
        except DocumentError as error:
            yield error.message


def _first_leaf(order: Mapping[str, int], path: str) -> int:
    return min(index for leaf, index in order.items() if covers(path, leaf))


def _lift_maps(cut: dict[str, Safeguard]) -> Iterator[str]:
    """Move encryption of everything in a map to the map, in place; yield what cannot be done to a map."""
    for whole in dict.fromkeys(path.split("{}", 1)[0] for path in cut if "{}" in path):
        inside = [path for path in cut if path.startswith(whole + "{}")]
        kinds = {type(cut[path]) for path in inside}
        if kinds == {Encrypt}:
            cut[whole] = cut[inside[0]]
            for path in inside:
                del cut[path]
        elif not kinds <= {Pass, Omit}:
            yield f"`{whole}` is a map, whose keys tell as much as its values: encrypt or omit it whole"


def misfit(leaf: Leaf, path: str, safeguard: Safeguard) -> Iterator[str]:
    """Yield why `safeguard`, stated at `path`, does not fit `leaf`, if it does not."""
    if isinstance(safeguard, (Pass, *_WHOLE)):
        return
    if path != leaf.path:
        yield f"`{path}` holds several fields: {safeguard.do} one of them, or omit or encrypt it whole"
    else:
        fits, wants = _need(leaf, safeguard)
        if not fits:
            kind = f"{leaf.primitive} ({leaf.logical})" if leaf.logical else leaf.primitive
            yield f"`{path}` is {kind}: {wants}"


def _need(leaf: Leaf, safeguard: Safeguard) -> tuple[bool, str]:
    """Say whether `safeguard` fits `leaf`, and what it wants."""
    plain = leaf.primitive in _NUMBERS and leaf.logical is None
    real = leaf.primitive in {"float", "double"}
    match safeguard:
        case Mask():
            need = leaf.primitive == "string", "only a string can be masked"
        case Generalise(to="year" | "month"):
            when = leaf.logical == "date" or (leaf.logical or "").startswith(_TIMES)
            need = when, "only dates and timestamps have a year and a month"
        case Generalise(to="day" | "hour"):
            need = (leaf.logical or "").startswith(_TIMES), "only timestamps have a day and an hour"
        case Generalise(to="bucket"):
            need = plain or leaf.logical == "decimal", "only numbers have buckets"
        case Generalise():
            need = plain and real, "only a float or double is a coordinate"
        case Noise():
            stated = not real or safeguard.step is not None
            need = plain and stated, "noise wants an int or long, or a float or double with a stated step"
        case _:
            need = leaf.primitive != "null", f"it cannot be protected by {safeguard.do}"
    return need
