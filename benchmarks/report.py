"""What the rows say: a table in text, pictures, and the one line that says it all."""

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engines import ENGINES
from plot import bars, lines
from rows import Row, held, median

STREAMS = "kafka_streams"
OURS = {"": "penstock", "native_": "penstock_native"}
MANY = (1, 10, 50, 200)


class Report:
    """Everything that was measured so far, part by part."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts = {
            part: held(folder, part)
            for part in ("w0", "w1", "agreements", "record_size", "encrypted", "workers", "cold", "latency")
        }

    def rows(self, part: str, **what: Any) -> list[Row]:
        return [row for row in self._parts[part] if all(row.get(key) == value for key, value in what.items())]

    def rate(self, part: str, engine: str, workers: int = 1) -> float | None:
        return median(self.rows(part, kind="window", engine=engine, workers=workers), "events_per_s")

    def rates(self, part: str, workers: int = 1) -> dict[str, float]:
        found = {name: self.rate(part, name, workers) for name in ENGINES}
        return {name: round(rate) for name, rate in found.items() if rate is not None}

    def summary(self) -> dict[str, Any]:
        """Return the last line's figures; what was not measured is null."""
        w1 = self.rates("w1")
        ratios = {
            f"{prefix}ratio_to_{word}": ratio(w1.get(ours), w1.get(theirs))
            for prefix, ours in OURS.items()
            for word, theirs in (("ceiling", "ceiling"), ("kafka_streams", STREAMS))
        }
        main = next((name for name in ("penstock", "slow_path") if name in w1), "penstock")
        return {
            "w0": self.rates("w0"),
            "w1": w1,
            **ratios,
            "per_agreement_us": {kind: self.per_agreement(kind, self.ours()) for kind in ("encrypting", "plain")},
            "p99_ms": {
                str(rate): {name: self.latency(rate, name, "p99_ms") for name in self.measured("latency")}
                for rate in self.points("latency", "rate")
            },
            "p99_ratio_to_pass_through": ratio(
                self.latency(2_000, self.ours(), "p99_ms"), self.latency(2_000, "ceiling", "p99_ms")
            ),
            "worker_mb": whole(median(self.rows("w1", kind="window", engine=main, workers=1), "mb")),
        }

    def ours(self) -> str:
        """Return the pure Python back end; where there was but the slow path, that."""
        names = {row["engine"] for rows in self._parts.values() for row in rows}
        return "penstock" if "penstock" in names or "slow_path" not in names else "slow_path"

    def measured(self, part: str) -> list[str]:
        names = {row["engine"] for row in self._parts[part]}
        return [name for name in ENGINES if name in names]

    def points(self, part: str, key: str) -> list[Any]:
        return sorted({row[key] for row in self._parts[part] if key in row})

    def latency(self, rate: int, engine: str, key: str) -> float | None:
        return median(self.rows("latency", rate=rate, engine=engine), key)

    def per_agreement(self, kind: str, engine: str) -> float | None:
        """Return what one more agreement costs an event: the slope from one agreement to fifty, one lane."""
        found = {
            count: median(self.rows("agreements", kind=kind, agreements=count, engine=engine), "events_per_s")
            for count in (1, 10, 50)
        }
        known = [count for count, rate in found.items() if rate]
        if len(known) < 2:
            return None
        first, last = known[0], known[-1]
        return round((1e6 / (found[last] or 1) - 1e6 / (found[first] or 1)) / (last - first), 2)

    # --- for people ---

    def text(self) -> str:
        """Return the tables."""
        parts = [machine(), *(self._engines(part) for part in ("w0", "w1")), self._settings(), self._latency()]
        parts += [
            self._sweep("agreements", ("kind", "agreements")),
            self._sweep("record_size", ("bytes",)),
            self._sweep("encrypted", ("encrypted",)),
            self._sweep("workers", ("workers",)),
            self._sweep("cold", ()),
        ]
        return "\n\n".join(part for part in parts if part)

    def _engines(self, part: str) -> str:
        ceiling = self.rate(part, "ceiling")
        rows = []
        for name in self.measured(part):
            one, two = self.rate(part, name), self.rate(part, name, 2)
            windows = self.rows(part, kind="window", engine=name, workers=1)
            figures = [median(windows, key) for key in ("engine_us", "broker_us", "mb", "start_up_s")]
            rows.append([name, whole(one), ratio(one, ceiling), whole(two), *map(brief, figures), spread(windows)])
        head = ["engine", "events/s", "of ceiling", "two", "its µs", "Kafka's µs", "MB", "start s", "lowest-highest"]
        return table(f"{part.upper()}, medians of windows", head, rows)

    def _settings(self) -> str:
        tried = [(part, row) for part in ("w0", "w1") for row in self.rows(part, kind="tried")]
        rows = [[part, row["engine"], said(row["settings"]), whole(row.get("events_per_s"))] for part, row in tried]
        return table("Settings tried, the best of which was kept", ["", "engine", "settings", "events/s"], rows)

    def _latency(self) -> str:
        rows = [
            [rate, name, *(brief(self.latency(rate, name, key)) for key in ("p50_ms", "p99_ms", "p999_ms", "late"))]
            for rate in self.points("latency", "rate")
            for name in self.measured("latency")
        ]
        return table("Publish to readable, ms", ["events/s", "engine", "p50", "p99", "p99.9", "late"], rows)

    def _sweep(self, part: str, keys: Sequence[str]) -> str:
        points = sorted({tuple(row.get(key) for key in keys) for row in self._parts[part]}, key=str)
        rows = []
        for point in sorted(points, key=lambda one: tuple(map(sortable, one))):
            for name in self.measured(part):
                found = self.rows(part, engine=name, **dict(zip(keys, point, strict=True)))
                figures = [median(found, key) for key in ("engine_us", "mb")]
                rows.append([*point, name, whole(median(found, "events_per_s")), *map(brief, figures)])
        return table(part.replace("_", " "), [*keys, "engine", "events/s", "its µs", "MB"], rows)

    def pictures(self) -> dict[str, str]:
        """Return SVG pictures by file name."""
        made = {
            f"{part}.svg": bars(f"{part.upper()}: events a second, one process", self.rates(part), "")
            for part in ("w0", "w1")
            if self.rates(part)
        }
        for part, key, across in (
            ("agreements", "agreements", "agreements"),
            ("record_size", "bytes", "bytes an event"),
            ("workers", "workers", "workers"),
        ):
            series = self._series(part, key, "events_per_s")
            if series:
                made[f"{part}.svg"] = lines(f"Events a second by {across}", series, across, "events/s")
        if series := self._series("latency", "rate", "p99_ms"):
            made["latency.svg"] = lines("Publish to readable, p99", series, "events/s", "ms")
        return made

    def _series(self, part: str, key: str, figure: str) -> dict[str, list[tuple[float, float]]]:
        series = {}
        for kind in self.points(part, "kind") or [None]:
            for name in self.measured(part):
                more = {"kind": kind} if kind else {}
                found = [
                    (x, median(self.rows(part, engine=name, **{key: x}, **more), figure))
                    for x in self.points(part, key)
                ]
                line = [(float(x), y) for x, y in found if y]
                if line:
                    series[f"{name} {kind or ''}".strip()] = line
        return series

    def write(self) -> list[Path]:
        """Write tables and pictures beside the rows."""
        files = {"report.txt": self.text() + "\n", **self.pictures()}
        for name, content in files.items():
            (self._folder / name).write_text(content)
        return [self._folder / name for name in files]


def machine() -> str:
    """Return what this was measured on."""
    cores = os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kind = next(
        (one.partition(":")[2].strip() for one in cpuinfo() if one.startswith("model name")), platform.machine()
    )
    return f"{cores} cores ({kind}), {memory:.0f} GB, Python {platform.python_version()}, the broker beside the engines"


def cpuinfo() -> Iterable[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.exists() else ()


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as Markdown, empty without any."""
    if not rows:
        return ""
    cells = [[("" if cell is None else str(cell)) for cell in row] for row in rows]
    lined = [f"| {' | '.join(row)} |" for row in (list(head), ["---"] * len(head), *cells)]
    return "\n".join([f"**{title}**", "", *lined])


def ratio(ours: float | None, theirs: float | None) -> float | None:
    return round(ours / theirs, 3) if ours and theirs else None


def whole(figure: float | None) -> int | None:
    return None if figure is None else round(figure)


def brief(figure: float | None) -> str | None:
    return None if figure is None else f"{figure:.3g}" if figure < 100 else f"{figure:.0f}"


def spread(rows: Sequence[Row]) -> str:
    found = [row["events_per_s"] for row in rows if row.get("events_per_s")]
    return f"{min(found):.0f}-{max(found):.0f} ({len(found)})" if found else ""


def said(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items())


def sortable(value: Any) -> tuple[int, Any]:
    return (1, value) if isinstance(value, str) else (0, value or 0)


def last_line(report: Report) -> str:
    return json.dumps(report.summary())
