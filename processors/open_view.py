"""The recipient's side: a view record with its encrypted fields opened and typed as they were.

Values stay physical (a date is a day number), as everywhere in this room.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..schemas.avro_paths import getter
from ..schemas.avro_physical import type_digest
from ..schemas.avro_tree import tree
from ..schemas.codec import Codec
from ..schemas.encrypted import Binding, branch_step, field_step, item_step, key_step, sealed_from
from ..schemas.errors import KeyUnavailableError, RecordError
from ..schemas.view_label import view_label
from ..schemas.view_schema import ENCRYPTED
from .encrypt import open_


@dataclass(frozen=True, slots=True)
class Spot:
    """A concrete place in a record: in the bytes that bind a field to it, and in words."""

    steps: tuple[bytes, ...] = ()
    said: str = ""

    def at(self, step: bytes, said: str) -> "Spot":
        return Spot((*self.steps, step), self.said + said)

    def field(self, name: str) -> "Spot":
        return self.at(field_step(name), f".{name}" if self.said else name)


@dataclass(frozen=True, slots=True)
class Inner:
    """The type inside an encrypted field: its digest, and how its bytes become a value."""

    digest: bytes
    decode: Callable[[bytes], Any]


class Decoder(Protocol):
    """Reads values of one type."""

    def decode(self, data: bytes) -> Any: ...


class Visitor(Protocol):
    """What is done with each encrypted field."""

    def field(self, data: bytes, inner: Inner, spot: Spot) -> Any: ...


Walk = Callable[[Any, Visitor, Spot], Any]
"""Gives a value with every encrypted field in it replaced by what the visitor makes of it."""


class OpenProgram:
    """Opens records of one view. `view_schema` is the registered one, with its properties.

    `inner` makes the codec of an encrypted field's type: physical values unless a caller wants logical ones.
    """

    def __init__(self, view_schema: Mapping[str, Any], inner: Callable[[Any], Decoder] = Codec) -> None:
        self._inner = inner
        label = view_label(view_schema)
        self._tree = tree(view_schema)
        self._walk = self._node(self._tree.root)
        self._event_id = getter(label.event_id)
        self._binding = Binding.of(label.agreement, label.dataset, label.major)

    def handles(self, record: Mapping[str, Any]) -> set[bytes]:
        """Return the handles of the keys that opening `record` takes."""
        visitor = _Handles(set())
        if self._walk is not None:
            self._walk(record, visitor, Spot())
        return visitor.found

    def shown_id(self, record: Mapping[str, Any]) -> str:
        """Return the event id that binds the encrypted fields, as text, of a record in physical form."""
        return str(self._event_id(record))

    def open(
        self, record: Mapping[str, Any], keys: Mapping[bytes, bytes], *, shown_id: str | None = None
    ) -> dict[str, Any]:
        """Return `record` with every encrypted field opened; `keys` holds the keys by handle.

        A record with logical values comes with the `shown_id` of its physical form: a UUID has forgotten how it was
        written. Raises KeyUnavailableError, naming field and handle, when a key is missing; RecordError, naming the
        field, when one does not open: it was altered, or belongs to another place.
        """
        if self._walk is None:
            return dict(record)
        visitor = _Opening(self._binding, (shown_id or self.shown_id(record)).encode(), keys)
        opened: dict[str, Any] = self._walk(record, visitor, Spot())
        return opened

    def _node(self, node: Any) -> Walk | None:
        """Return the walk through values of a node; None when nothing in them is encrypted."""
        if isinstance(node, dict) and ENCRYPTED in node:
            original = node[ENCRYPTED]
            inner = Inner(type_digest(original), self._inner(original).decode)
            return lambda data, visitor, spot: visitor.field(data, inner, spot)
        bare, nullable = self._tree.without_null(node)
        walk = self._interior(bare)
        if walk is None or not isinstance(node, list):
            return walk
        return _through_union(walk, self._tree.kind(bare), nullable=nullable)

    def _interior(self, node: Any) -> Walk | None:
        match self._tree.kind(node):
            case "record":
                found = {field["name"]: self._node(field["type"]) for field in self._tree.types[node]["fields"]}
                walks = {name: walk for name, walk in found.items() if walk is not None}
                return _fields(walks) if walks else None
            case "array":
                walk = self._node(node["items"])
                return None if walk is None else _items(walk)
            case "map":
                walk = self._node(node["values"])
                return None if walk is None else _values(walk)
        return None


@dataclass(frozen=True, slots=True)
class _Handles:
    found: set[bytes]

    def field(self, data: bytes, _inner: Inner, _spot: Spot) -> None:
        self.found.add(sealed_from(data).handle)


@dataclass(frozen=True, slots=True)
class _Opening:
    binding: Binding
    shown_id: bytes
    keys: Mapping[bytes, bytes]

    def field(self, data: bytes, inner: Inner, spot: Spot) -> Any:
        try:
            sealed = sealed_from(data)
            key = self.keys.get(sealed.handle)
            if key is None:
                raise KeyUnavailableError(
                    f"no key for field `{spot.said}`, handle {sealed.handle.hex()}",
                    remedy="it was erased, or the agreement no longer gives keys: see penstock agreements show",
                )
            additional = self.binding.additional_data(sealed.handle, spot.steps, inner.digest, self.shown_id)
            return inner.decode(open_(sealed, key, additional))
        except RecordError as bad:
            raise RecordError(bad.reason, bad.message, place=f"field `{spot.said}`", remedy=bad.remedy) from None


def _fields(walks: Mapping[str, Walk]) -> Walk:
    def walk(value: Any, visitor: Visitor, spot: Spot) -> dict[str, Any]:
        found = dict(value)
        for name, inner in walks.items():
            found[name] = inner(value[name], visitor, spot.field(name))
        return found

    return walk


def _items(inner: Walk) -> Walk:
    return lambda items, visitor, spot: [
        inner(item, visitor, spot.at(item_step(index), f"[{index}]")) for index, item in enumerate(items)
    ]


def _values(inner: Walk) -> Walk:
    # A map's key may be a person's, so it is not said.
    return lambda held, visitor, spot: {
        key: inner(value, visitor, spot.at(key_step(key), "{}")) for key, value in held.items()
    }


def _through_union(inner: Walk, kind: str, *, nullable: bool) -> Walk:
    here = branch_step(kind)

    def walk(value: Any, visitor: Visitor, spot: Spot) -> Any:
        return None if nullable and value is None else inner(value, visitor, spot.at(here, ""))

    return walk
