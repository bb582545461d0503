"""Python source under construction: lines with their depth, and the constants that they name."""

import keyword
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_NOT_A_NAME = re.compile(r"\W+")


class SourceText:
    """A function's lines. `constants` are the objects that they name; none of them is shown with the source."""

    def __init__(self, head: str) -> None:
        self._lines = [head]
        self._depth = 1
        self._begun = 0
        self.constants: dict[str, Any] = {}

    def add(self, *lines: str) -> None:
        self._lines += [f"{'    ' * self._depth}{line}" for line in lines]

    def begin(self, line: str) -> None:
        """Write a line before all others, behind those that `begin` wrote before."""
        self._begun += 1
        self._lines.insert(self._begun, f"    {line}")

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write what is added meanwhile below `head`."""
        self.add(head)
        self._depth += 1
        yield
        self._depth -= 1

    def constant(self, wanted: str, value: Any) -> str:
        """Return the name by which the source refers to `value`; equal constants of one wanted name share it."""
        base = _NOT_A_NAME.sub("_", wanted).strip("_") or "it"
        base = f"{base}_" if keyword.iskeyword(base) else base
        name, count = base, 1
        while name in self.constants and self.constants[name] is not value and self.constants[name] != value:
            count += 1
            name = f"{base}_{count}"
        self.constants[name] = value
        return name

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def function(self, name: str, shared: dict[str, Any]) -> Callable[..., Any]:
        """Return the function that the source defines, over `shared` and its own constants."""
        scope: dict[str, Any] = {**shared, **self.constants}
        exec(compile(self.text(), f"<view program: {name}>", "exec"), scope)  # noqa: S102 - source of our own making
        made: Callable[..., Any] = scope[name]
        return made
