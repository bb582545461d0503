"""What becomes of what lies inside a union, an array or a map, as data for the extension: steps inside of steps.

The same walk as `view_steps.Steps`, over the same schema, cut and safeguards; bytes instead of values.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ...schemas.avro_decode import least_size
from ...schemas.avro_paths import node_at, type_at
from ...schemas.avro_physical import parsing_canonical, type_digest
from ...schemas.avro_tree import Tree, emit, tree
from ...schemas.contract import DataContract
from ...schemas.encrypted import HANDLE_BYTES, VERSION, Binding, branch_step, field_step, framed, framed_one
from ...schemas.safeguard import Encrypt, Omit, Pass, Safeguard
from ..compiled.scanning import NotCompiled
from ..view_steps import Steps

Data = tuple[Any, ...]
GOES_ON: Final = "pass"
ABSENT: Final = "absent"


def node_data(resolved: Tree, node: Any) -> Data:
    """Return a type as the scan skips it."""
    if isinstance(node, list):
        return "union", [node_data(resolved, one) for one in node]
    kind = resolved.kind(node)
    return (kind, *_inner(resolved, node, kind))


def _inner(resolved: Tree, node: Any, kind: str) -> Data:
    match kind:
        case "record":
            return ([node_data(resolved, one["type"]) for one in resolved.types[node]["fields"]],)
        case "enum":
            return (len(resolved.types[node]["symbols"]),)
        case "fixed":
            return (resolved.types[node]["size"],)
        case "array":
            return node_data(resolved, node["items"]), least_size(resolved, node["items"])
        case "map":
            return (node_data(resolved, node["values"]),)
    return ()


class Inside:
    """Walks one part. `place` gives what stands in place of a value, `subject` the number of a data subject."""

    def __init__(
        self,
        contract: DataContract,
        steps: Steps,
        view: Tree,
        place: Callable[[Any, str, Safeguard], Data],
        subject: Callable[[str], int],
    ) -> None:
        self._contract = contract
        self._mine = tree(contract.schema)
        self._steps = steps
        self._view = view
        self._place = place
        self._subject = subject

    def step(self, written: Tree, node: Any, path: str) -> Data:
        """Return the step of a part. Raises NotCompiled where the writer's type is another than the contract's."""
        mine = node_at(self._mine, path)
        if parsing_canonical(emit(written, node)) != parsing_canonical(emit(self._mine, mine)):
            raise NotCompiled
        return self._node(mine, path)

    def _node(self, node: Any, path: str) -> Data:
        if path in self._steps.cut:
            return self._protected(node, path, self._steps.cut[path])
        bare, _ = self._mine.without_null(node)
        if isinstance(bare, list):
            raise NotCompiled
        inner = self._interior(bare, path)
        if inner[0] in {GOES_ON, ABSENT}:
            return inner[0], node_data(self._mine, node)
        return self._through(inner, node, bare, path) if isinstance(node, list) else inner

    def _through(self, inner: Data, node: list[Any], bare: Any, path: str) -> Data:
        kinds, view = [self._mine.kind(one) for one in node], node_at(self._view, path)
        null = kinds.index("null") if "null" in kinds else None
        if not isinstance(view, list) or [self._view.kind(one) == "null" for one in view] != [
            one == "null" for one in kinds
        ]:
            raise NotCompiled
        name = branch_step(self._mine.kind(bare))
        return "through", inner, 2 * node.index(bare), None if null is None else 2 * null, name

    def _interior(self, node: Any, path: str) -> Data:
        match self._mine.kind(node):
            case "record":
                return self._record(node, path)
            case "array":
                return self._each("items", node["items"], f"{path}[]")
            case "map":
                return self._each("values", node["values"], f"{path}{{}}")
        raise NotCompiled

    def _each(self, word: str, node: Any, path: str) -> Data:
        inner = self._node(node, path)
        return inner if inner[0] in {GOES_ON, ABSENT} else (word, inner)

    def _record(self, name: str, path: str) -> Data:
        fields = self._mine.types[name]["fields"]
        made = {one["name"]: self._node(one["type"], f"{path}.{one['name']}") for one in fields}
        words = {step[0] for step in made.values()}
        if words <= {GOES_ON} or words <= {ABSENT}:
            return (GOES_ON,) if GOES_ON in words else (ABSENT,)
        self._require_order([one for one, step in made.items() if step[0] != ABSENT], path)
        return "fields", [(field_step(one), step) for one, step in made.items()]

    def _require_order(self, kept: list[str], path: str) -> None:
        """Fields come in the writer's order, so the view's has to be the same."""
        bare, _ = self._view.without_null(node_at(self._view, path))
        fields: list[Mapping[str, Any]] = self._view.types[bare]["fields"]
        if [one["name"] for one in fields] != kept:
            raise NotCompiled

    def _protected(self, node: Any, path: str, safeguard: Safeguard) -> Data:
        if isinstance(safeguard, Omit | Pass):
            return GOES_ON if isinstance(safeguard, Pass) else ABSENT, node_data(self._mine, node)
        if not isinstance(safeguard, Encrypt):
            return self._place(node, path, safeguard)
        subject = self._steps.subject_of(path)
        if subject is None:
            raise NotCompiled  # uses of the bulk key are counted before the events are read
        binding: Binding = self._steps.binding
        digest = type_digest(type_at(self._contract.schema, path))
        before = framed_one(bytes((VERSION,))) + HANDLE_BYTES.to_bytes(4, "big")
        middle = framed((binding.agreement, binding.dataset, binding.major))
        return "seal", node_data(self._mine, node), self._subject(subject), before, middle, framed_one(digest)
