"""What every rule of `check` works with: a page to point at, and an agreement beside its data contract."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ...schemas.agreement import Agreement
from ...schemas.avro_paths import Leaf, covers, leaves, node_at
from ...schemas.avro_tree import Tree, tree
from ...schemas.contract import ContractField, DataContract
from ...schemas.errors import DocumentError
from ...schemas.problem import Finding, Key, Level, dotted
from ...schemas.safeguard import Safeguard
from ...schemas.yaml_lines import Source
from .load import Documents


@dataclass(frozen=True, slots=True)
class Page:
    """A document to point at."""

    source: Source

    def error(self, key: Key, message: str, remedy: str) -> Finding:
        return self._finding(Level.ERROR, key, message, remedy)

    def warning(self, key: Key, message: str, remedy: str) -> Finding:
        return self._finding(Level.WARNING, key, message, remedy)

    def note(self, key: Key, message: str, remedy: str = "") -> Finding:
        return self._finding(Level.NOTE, key, message, remedy)

    def _finding(self, level: Level, key: Key, message: str, remedy: str) -> Finding:
        return Finding(self.source.file, self.source.line(key), dotted(key), message, remedy, level)


@dataclass(frozen=True)
class Case:
    """An agreement, the data contract of its dataset, and the instant for which they are checked."""

    documents: Documents
    page: Page
    agreement: Agreement
    contract: DataContract
    at_ms: int

    @cached_property
    def resolved(self) -> Tree:
        return tree(self.contract.schema)

    @cached_property
    def leaves(self) -> Mapping[str, Leaf]:
        return leaves(self.contract.schema)

    @cached_property
    def protected(self) -> list["Protected"]:
        """Every leaf that exactly one safeguard covers, in the order of the schema."""
        found = []
        for path, leaf in self.leaves.items():
            above = [key for key in self.agreement.fields if covers(key, path)]
            if len(above) == 1:
                field = self.contract.fields[path]
                found.append(Protected(above[0], leaf, field, self.agreement.fields[above[0]]))
        return found

    def under(self, path: str) -> Safeguard | None:
        """Return the safeguard of the leaf at `path`."""
        return next((one.safeguard for one in self.protected if one.leaf.path == path), None)


@dataclass(frozen=True, slots=True)
class Protected:
    """A leaf under its safeguard; `path` is the key under `fields`, which may stand for several leaves."""

    path: str
    leaf: Leaf
    field: ContractField
    safeguard: Safeguard

    @property
    def key(self) -> Key:
        return ("fields", self.path)


def is_node(resolved: Tree, path: str) -> bool:
    """Say whether a field path leads to a place in the schema, be it a leaf or not."""
    try:
        node_at(resolved, path)
    except DocumentError:
        return False
    return True


def page_of(documents: Documents, name: str) -> Page:
    """Return the page of a document by its name, such as `agreements/<id>`."""
    return Page(documents.sources[name])


def cases(documents: Documents, at_ms: int) -> Iterator[Case]:
    """Yield the agreements whose data contract is there."""
    for name, agreement in sorted(documents.agreements.items()):
        contract = documents.contracts.get(agreement.dataset)
        if contract is not None:
            yield Case(documents, page_of(documents, f"agreements/{name}"), agreement, contract, at_ms)
