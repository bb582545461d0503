"""YAML with the line of every key; stricter than YAML, so that a document means what it looks like.

Plain scalars follow YAML 1.2 (`NO` is Norway, not false; a date stays text). Duplicate keys, tags, anchors and aliases
are refused: what the parties sign is what they read.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from .problem import Key, Problem, dotted

_PLAIN_TAGS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"}
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the parts of a document stand. `file` is relative to the ecosystem."""

    file: str
    lines: Mapping[Key, int] = field(default_factory=dict)

    def line(self, key: Key) -> int:
        """Return the line of `key`, or of the nearest part around it that is there."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def problem(self, key: Key, message: str, remedy: str = "") -> Problem:
        return Problem(self.file, self.line(key), dotted(key), message, remedy)


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as read: its value (None when unreadable), its lines, and what is wrong with it so far."""

    value: Any
    source: Source
    problems: tuple[Problem, ...] = ()


def read_yaml(data: bytes, file: str) -> Document:
    """Return the document in `data`; never raises for what the data holds."""
    try:
        root = yaml.compose(data.decode("utf-8"), Loader=yaml.BaseLoader)
    except UnicodeDecodeError as failure:
        line = data.count(b"\n", 0, failure.start) + 1
        return _unreadable(file, line, "not UTF-8", "save the file as UTF-8")
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        return _unreadable(file, mark.line + 1 if mark else 1, *_explained(failure))
    except yaml.YAMLError:
        return _unreadable(file, 1, "holds a character that YAML does not allow", "remove control characters")
    except RecursionError:
        return _unreadable(file, 1, "nested too deep", "write it flatter")
    reader = _Reader(file)
    value = reader.value(root, ()) if root is not None else None
    if value is None and not reader.problems:
        # A lone `~` too: a document that says nothing must not go missing without a word.
        return _unreadable(file, 1, "empty", "write the document, or delete the file")
    return Document(value, Source(file, reader.lines), tuple(reader.problems))


def _unreadable(file: str, line: int, message: str, remedy: str) -> Document:
    return Document(None, Source(file), (Problem(file, line, "", message, remedy),))


def _explained(failure: yaml.MarkedYAMLError) -> tuple[str, str]:
    said = failure.problem or "cannot be read"
    if "\\t" in said:
        return "not YAML: a tab where spaces are wanted", "indent with spaces"
    if "expected a single document" in (failure.context or ""):
        return "holds two documents", "one document a file"
    return f"not YAML: {said}", "check indentation, quotes and brackets around this line"


class _Reader:
    """Turns YAML nodes into plain values, keeping lines and gathering problems."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Key, int] = {(): 1}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, key: Key) -> Any:
        if id(node) in self._seen:
            remedy = "write the value out: what is signed must be what is read"
            self.problems.append(Problem(self.file, self.lines[key], dotted(key), "an alias", remedy))
            return None
        self._seen.add(id(node))
        if node.tag not in _PLAIN_TAGS:
            self._problem(node, key, "a YAML tag", "write the value without a tag")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.ScalarNode) and node.style is None:
            return self._plain(node, key)
        if isinstance(node, yaml.ScalarNode):
            return node.value
        return [self._item(item, (*key, position)) for position, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name_node, value_node in node.value:
            if not isinstance(name_node, yaml.ScalarNode):
                self._problem(name_node, key, "a key that is no text", "use a plain word as key")
                continue
            name = name_node.value
            inner = (*key, name)
            if name in found:
                first = self.lines[inner]
                self._problem(name_node, inner, f"written twice (first in line {first})", "keep one of the two")
                continue
            self.lines[inner] = name_node.start_mark.line + 1
            found[name] = self.value(value_node, inner)
        return found

    def _item(self, node: yaml.Node, key: Key) -> Any:
        # An alias gives the node of its anchor, which stands elsewhere.
        self.lines[key] = self.lines[key[:-1]] if id(node) in self._seen else node.start_mark.line + 1
        return self.value(node, key)

    def _plain(self, node: yaml.ScalarNode, key: Key) -> Any:
        text: str = node.value
        if text.lower() in _CONSTANTS and text in {text.lower(), text.capitalize(), text.upper()}:
            return _CONSTANTS[text.lower()]
        if _INTEGER.fullmatch(text):
            return self._integer(node, key, text)
        if _NOT_FINITE.fullmatch(text):
            return self._finite(node, key, math.nan)
        if not _FLOAT.fullmatch(text):
            return text
        return self._finite(node, key, float(text))

    def _finite(self, node: yaml.Node, key: Key, number: float) -> float | None:
        if math.isfinite(number):
            return number
        self._problem(node, key, "must be a finite number", "write a number: .nan and .inf are none")
        return None

    def _integer(self, node: yaml.Node, key: Key, text: str) -> int | None:
        number = int(text) if len(text) <= 20 else 1 << 64
        if -(1 << 63) <= number < 1 << 63:
            return number
        self._problem(node, key, "a whole number beyond 64 bits", "put it in quotes if it is an identifier")
        return None

    def _problem(self, node: yaml.Node, key: Key, message: str, remedy: str) -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, dotted(key), message, remedy))
