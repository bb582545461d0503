"""An Avro schema for a sample's shape. Enums are never guessed; what differs is a union; what is odd is said."""

from dataclasses import dataclass, field
from typing import Any

from .infer_shape import NAME, Shape

_TYPES: dict[str, Any] = {
    "boolean": "boolean",
    "long": "long",
    "double": "double",
    "string": "string",
    "local": "string",
    "uuid": {"type": "string", "logicalType": "uuid"},
    "timestamp": {"type": "long", "logicalType": "timestamp-millis"},
    "date": {"type": "int", "logicalType": "date"},
}
_TEXTUAL = frozenset(("string", "local", "uuid", "timestamp", "date"))


@dataclass(slots=True)
class Draft:
    """A schema in the making: `notes` by path say what a person should look at, `dropped` counts odd field names."""

    text: bool = False
    notes: dict[str, str] = field(default_factory=dict)
    dropped: int = 0
    _names: set[str] = field(default_factory=set)

    def schema(self, shape: Shape, name: str) -> dict[str, Any]:
        """Return the record schema of the events whose `shape` is given."""
        return self._record(shape, name, "")

    def _record(self, shape: Shape, name: str, path: str) -> dict[str, Any]:
        full, count = name, 2
        while full in self._names:
            full, count = f"{name}{count}", count + 1
        self._names.add(full)
        fields = []
        for one, inner in shape.fields.items():
            if NAME.fullmatch(one) is None:
                self.dropped += 1
                continue
            fields.append(self._field(one, inner, f"{path}.{one}" if path else one, full if path else ""))
        return {"type": "record", "name": full, "fields": fields}

    def _field(self, name: str, shape: Shape, path: str, above: str) -> dict[str, Any]:
        made = self._type(shape, path, above + pascal(name))
        if not shape.absent:
            return {"name": name, "type": made}
        branches = made if isinstance(made, list) else [made]
        return {"name": name, "type": ["null", *branches], "default": None}

    def _type(self, shape: Shape, path: str, name: str) -> Any:
        branches = [_TYPES[kind] for kind in self._kinds(shape)]
        if shape.arrays:
            branches.append({"type": "array", "items": self._items(shape.items or Shape(), path + "[]", name)})
        if shape.records:
            branches.append(self._mapping(shape, path, name))
        if not branches:
            self.notes[path] = "only null or empty in the sample: text is a guess"
            return "string"
        if shape.kinds == {"local"}:
            self.notes[path] = "a time without a zone stays text: an event time needs one"
        if len(branches) > 1:
            self.notes[path] = "of several types in the sample: protected as a whole, or give it one type"
        return branches[0] if len(branches) == 1 else branches

    def _items(self, shape: Shape, path: str, name: str) -> Any:
        made = self._type(shape, path, name)
        if not shape.absent:
            return made
        return ["null", *(made if isinstance(made, list) else [made])]

    def _mapping(self, shape: Shape, path: str, name: str) -> Any:
        """Return a record, or a map where a key could be no field of one."""
        if shape.fields and all(NAME.fullmatch(one) for one in shape.fields):
            return self._record(shape, name, path)
        self.notes[path] = "a map: its keys are no field names"
        return {"type": "map", "values": self._items(_merged(shape), path + "{}", name)}

    def _kinds(self, shape: Shape) -> list[str]:
        kinds = set(shape.kinds)
        if self.text and len(kinds - {"long", "double"}) and len(kinds) > 1:
            return ["string"]
        mixed = bool(kinds - _TEXTUAL or shape.arrays or shape.records)
        if len(kinds & _TEXTUAL) > 1 or (mixed and kinds & _TEXTUAL):
            kinds = (kinds - _TEXTUAL) | {"string"}
        if "double" in kinds:
            kinds.discard("long")
        return [kind for kind in _TYPES if kind in kinds]


def _merged(shape: Shape) -> Shape:
    """Return the shape of all values of a map as one; a key that some records lack is no null."""
    merged = Shape()
    for inner in shape.fields.values():
        merged.merge(inner)
    merged.missing = 0
    return merged


def pascal(text: str) -> str:
    """Return a name as a type is called: `date-observed` becomes `DateObserved`."""
    return "".join(part[:1].upper() + part[1:] for part in text.replace("-", "_").split("_") if part)
