"""What docs/connectors.md shows is so."""

import contextlib
import itertools
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from penstock.connectors.conformance.kit import Stand, assert_conforms
from penstock.connectors.files.file_drop import FORMATS, SUFFIXES
from penstock.connectors.files.file_options import FileOptions
from penstock.connectors.files.positions import Position
from penstock.connectors.mqtt.options import MqttOptions
from penstock.schemas.errors import ConfigurationError, UnavailableError

PAGE_FILE = Path(__file__).resolve().parents[2] / "docs" / "connectors.md"
PAGE = PAGE_FILE.read_text()


def table(heading: str) -> dict[str, str]:
    part = PAGE.split(f"\n### {heading}\n")[1].split("\n#")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", part, re.MULTILINE))


def test_every_option_stands_there_with_its_default() -> None:
    options = table("Formats and options")
    assert set(options) == {field.name for field in fields(FileOptions)}
    for name in ("max_record_bytes", "batch_bytes", "poll_seconds"):
        assert options[name] == str(getattr(FileOptions(), name))


def test_every_part_of_a_position_and_every_format_stands_there() -> None:
    assert set(table("The position")) == {field.name for field in fields(Position)}
    assert all(f"- **{fmt}**" in PAGE for fmt in FORMATS)
    assert all(f"`{suffix}`" in PAGE for suffix in SUFFIXES)


def test_every_option_of_the_mqtt_source_stands_there_with_its_default() -> None:
    part = PAGE.split("| option of MQTT |")[1].split("\n\n")[0]
    named = dict.fromkeys(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", part, re.MULTILINE))))
    assert set(named) == {field.name for field in fields(MqttOptions)} | {"topic"}
    rows = dict(re.findall(r"^\| `(\w+)` \| `?\"?([^`\"|]+?)\"?`? \|", part, re.MULTILINE))
    said = MqttOptions()
    for name in ("in_flight", "queue_bytes", "max_record_bytes", "keepalive_seconds", "session_seconds", "retained"):
        assert rows[name] == str(getattr(said, name))


def test_the_kit_s_words_stand_there() -> None:
    code = (PAGE_FILE.parents[1] / "connectors" / "conformance" / "kit.py").read_text()
    words = set(re.findall(r'Breach\("(\w+)"', code))
    assert len(words) >= 12
    assert words <= set(re.findall(r"`(\w+)`", PAGE.split("| breach |")[1].split("### The rules")[0]))


def tutorial() -> Any:
    """The connector of the page, as a reader types it."""
    program = next(one for one in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "class Table" in one)
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 - our own page
    return names["Table"]


def table_of(folder: Path, rows: Iterable[tuple[Any, ...]]) -> Any:
    """A place with a table of these rows."""
    with contextlib.closing(sqlite3.connect(folder / "permits.db")) as database:
        columns = "id TEXT, at TEXT, person TEXT, amount INTEGER"
        database.execute(f"CREATE TABLE permits (row INTEGER PRIMARY KEY AUTOINCREMENT, {columns})")
        database.executemany("INSERT INTO permits (id, at, person, amount) VALUES (?, ?, ?, ?)", rows)
        database.commit()
    return SimpleNamespace(id="permits", root=folder, path="permits.db", options={"table": "permits"})


def test_the_tutorial_s_connector_is_short_and_conforms(tmp_path: Path) -> None:
    numbers, kind = itertools.count(), tutorial()
    body = code_of_the_tutorial()
    assert len(body) <= 40

    @contextlib.contextmanager
    def stand() -> Iterator[Stand]:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        place = table_of(folder, ((f"e{number}", "2026-06-01T00:00:00Z", "Mari", number) for number in range(10)))
        yield Stand(lambda: kind(place), 10, ("Mari", "2026-06"))

    assert_conforms(stand)


def code_of_the_tutorial() -> list[str]:
    program = next(one for one in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "class Table" in one)
    return [line for line in program.split("class Table", 1)[1].splitlines() if line.strip()]


def test_the_tutorial_s_connector_says_what_it_cannot_read(tmp_path: Path) -> None:
    place = SimpleNamespace(id="permits", root=tmp_path, path="none.db", options={"table": "permits"})
    with pytest.raises(UnavailableError, match="cannot be read"):
        next(tutorial()(place).batches(1))
    place.options["table"] = "x; DROP TABLE y"
    with pytest.raises(ConfigurationError, match="must be a name"):
        tutorial()(place)
