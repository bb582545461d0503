"""What docs/connectors.md shows is so."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from penstock.connectors.file_drop import FORMATS, SUFFIXES
from penstock.connectors.file_options import FileOptions
from penstock.connectors.positions import Position
from penstock.schemas.ports import Source

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "connectors.md").read_text()


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


def test_the_example_of_a_connector_works() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 - our own page
    rows = [{"n": number} for number in range(5)]

    def ledger() -> Source:
        source: Source = names["Ledger"](Path(), "auto", {"rows": rows})
        return source

    source = ledger()
    source.open(None, lambda _: False)
    first = next(source.batches(3))
    assert [record.value for record in first] == rows[:3]
    other = ledger()
    other.open(first[-1].position, lambda _: False)
    batches = other.batches(3)
    assert [record.value for record in next(batches)] == rows[3:]
    assert next(batches) == []
    other.stop()
    assert list(batches) == []
