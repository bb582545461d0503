"""What the example city's sensors send, and what of it must lie on its provider topics."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

CITY = Path(__file__).resolve().parents[2] / "examples" / "smart-city"
for _folder in (CITY, CITY.parent):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

import city  # noqa: E402 - the example's own script

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCHEMAS = {dataset: json.loads((CITY / "contracts" / f"{dataset}.avsc").read_text()) for dataset in city.DATASETS}
FLAGS = {
    (city.AIR, "range"): "range:no2",
    (city.AIR, "unit"): "unit:unitCode",
    (city.PARKING, "range"): "range:availableSpotNumber",
    (city.TRAFFIC, "range"): "range:averageVehicleSpeed",
}
"""What a reading out of its range or unit is flagged with; late and future are their own flags."""

Fed = tuple[str, dict[str, Any]]


class Day:
    """The messages of a seed and an instant: what was sent, and what must come of it."""

    def __init__(self, n: int, seed: int, at_ms: int, faulty: float = 0.005) -> None:
        self.tally = city.Tally()
        self.messages = list(city.day_of(n, seed, at_ms, faulty=faulty))
        for message in self.messages:
            self.tally.add(message)
        self.good = [one for one in self.messages if not (one.resent or one.fault)]

    def events(self) -> list[Fed]:
        """Return the events that must be published, values as Avro stores them."""
        return [(one.dataset, event_of(one)) for one in self.good]

    def flagged(self) -> Counter[str]:
        return Counter(flag for _, event in self.events() for flag in event["qualityFlags"])

    def resent(self) -> int:
        return self.tally.resent.total()

    def unclassified(self) -> int:
        return self.tally.unclassified.total()

    def faulty(self) -> Counter[str]:
        return sum(self.tally.faulty.values(), Counter())


def event_of(message: city.Message) -> dict[str, Any]:
    """Return the event of a good message, without what no contract knows."""
    row = dict(message.row or {})
    if message.dataset == city.AIR:
        row["refPointOfInterest"] = message.topic.rpartition("/")[2]
    row["qualityFlags"] = [FLAGS.get((message.dataset, message.oddity), message.oddity)] if message.oddity else []
    return physical(SCHEMAS[message.dataset], row)


def physical(schema: Any, value: Any) -> Any:
    """Return a row as Avro stores it; what is missing is its field's default."""
    if isinstance(schema, list):
        return None if value is None else physical(schema[1], value)
    if not isinstance(schema, Mapping):
        return value
    if schema["type"] == "record":
        return {
            field["name"]: physical(field["type"], value.get(field["name"], field.get("default")))
            for field in schema["fields"]
        }
    if schema.get("logicalType") == "timestamp-millis":
        return (datetime.fromisoformat(value) - EPOCH) // timedelta(milliseconds=1)
    return value


def by_id(events: Iterable[Fed]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return events by their dataset and id, of which there is one each."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for dataset, event in events:
        key = (dataset, event.get("observationId") or event["reportId"])
        assert key not in found, key
        found[key] = event
    return found
