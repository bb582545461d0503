"""What was measured so far, part by part: a part that was interrupted goes on where it stopped."""

import json
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class Rows:
    """One part's rows in a file. Rows measured under other terms (`terms`) are dropped."""

    def __init__(self, folder: Path, part: str, terms: Mapping[str, Any]) -> None:
        self.part = part
        self._file = folder / f"{part}.json"
        self._terms = dict(terms)
        self.rows: list[Row] = []
        held = json.loads(self._file.read_text()) if self._file.exists() else {}
        if held.get("terms") == json.loads(json.dumps(self._terms)):
            self.rows = held["rows"]

    def has(self, **what: Any) -> bool:
        return any(all(row.get(key) == value for key, value in what.items()) for row in self.rows)

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps({"terms": self._terms, "rows": self.rows}))
        fresh.rename(self._file)

    def of(self, **what: Any) -> list[Row]:
        return [row for row in self.rows if all(row.get(key) == value for key, value in what.items())]


def held(folder: Path, part: str) -> list[Row]:
    """Return a part's rows, whatever the terms they were measured under."""
    file = folder / f"{part}.json"
    return json.loads(file.read_text())["rows"] if file.exists() else []


def median(rows: Iterable[Mapping[str, Any]], key: str) -> float | None:
    """Return the median of what the rows have under `key`; None where none has."""
    found = [row[key] for row in rows if row.get(key) is not None]
    return statistics.median(found) if found else None
