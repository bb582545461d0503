"""What the sensors send: the same for a seed, each kind of trouble among it, and as the contracts take it."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import city
import ngsi
import pytest
import sensors
from city_world import CITY, Day, event_of

from penstock.ops.documents.load import load
from penstock.processors.decoding import Decoder
from penstock.processors.intake import Accepted, Intake
from penstock.schemas.ports import SourceRecord

DOCUMENTS = load(CITY)
SECRET = bytes(32)
AT_MS = 1_795_348_800_000  # 2026-11-22T12:00:00Z


def test_a_seed_and_an_instant_are_the_same_messages_and_another_seed_is_not() -> None:
    one, same, other = (
        [(message.topic, message.body) for message in city.day_of(400, seed, AT_MS)] for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_every_trouble_comes_up() -> None:
    day = Day(4_000, 1, AT_MS, faulty=0.05)
    assert len(day.good) == 4_000
    assert 0.08 < day.resent() / 4_000 < 0.12
    for dataset in city.DATASETS:
        assert set(day.tally.odd[dataset]) == set(city.ODDITIES[dataset])
        assert day.tally.good[dataset] > 100
    assert set(day.faulty()) == {fault for faults in city.FAULTS.values() for fault in faults}
    assert 0 < day.unclassified() < day.tally.good[city.AIR] / 2


def test_no_two_readings_share_an_id() -> None:
    ids = [one.row["observationId"] for one in Day(4_000, 1, AT_MS).good if one.row and "observationId" in one.row]
    assert len(ids) == len(set(ids)) > 3_000


def test_good_messages_are_taken_as_they_are_meant_and_spoilt_ones_refused_for_their_reason() -> None:
    day = Day(3_000, 5, AT_MS, faulty=0.05)
    intakes = {key: Intake(one, 1, SECRET, text=False) for key, one in DOCUMENTS.contracts.items()}
    decoders = {key: Decoder(one, {1: one.schema}, lambda _: {}, SECRET) for key, one in DOCUMENTS.contracts.items()}
    refused: Counter[str] = Counter()
    for message in day.messages:
        # The door's own refusals: no JSON, no template for the topic, the id of another record in the window.
        if message.resent or message.fault in {"encoding", "unmapped", "duplicate"}:
            continue
        record = SourceRecord({}, "here", as_taken(message), input=str(id(message)))
        answer = intakes[message.dataset].take(record, AT_MS)
        if isinstance(answer, Accepted):
            assert decoders[message.dataset].decode(answer.value).value == event_of(message)
            assert answer.unclassified == message.unclassified
            assert not message.fault
        else:
            refused[answer.reason] += 1
            assert answer.reason == message.fault
    assert set(refused) == {"columns", "type", "event_id", "subject"}


def test_a_flood_repeats_readings_under_ids_of_their_own() -> None:
    rows = [one.row for one in Day(300, 1, AT_MS).good if one.dataset == city.TRAFFIC and not one.oddity and one.row]
    made = [json.loads(body) for first in (0, len(rows)) for body in sensors.repeated(rows, first)]
    assert len({row["observationId"] for row in made}) == len(made) == 2 * len(rows) > 100
    contract = DOCUMENTS.contracts[city.TRAFFIC]
    intake = Intake(contract, 1, SECRET, text=False)
    taken = [intake.take(SourceRecord({}, "here", row), sensors.now_ms()) for row in made]
    assert all(isinstance(one, Accepted) and not one.flags for one in taken)


def as_taken(message: city.Message) -> dict[str, Any]:
    """Return a message's row as the MQTT source gives it: a level of the topic fills a field."""
    row = dict(message.row or {})
    return row | {"refPointOfInterest": message.topic.rpartition("/")[2]} if message.dataset == city.AIR else row


# --- published payloads -----------------------------------------------------------------------------------------------


def payloads() -> list[Path]:
    root = os.environ.get("PENSTOCK_EXAMPLE_PAYLOADS")
    if not root:
        return []
    found = [path for name in sorted(ngsi.TYPES) for path in sorted(Path(root).rglob(f"{name}/example*.json"))]
    assert found, f"there are no payloads below {root}"
    return found


PAYLOADS = payloads()


@pytest.mark.skipif(not PAYLOADS, reason="PENSTOCK_EXAMPLE_PAYLOADS names no folder of published payloads")
@pytest.mark.parametrize("path", PAYLOADS or [Path()], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_published_payload_passes_through_the_mapping_into_the_contract(path: Path) -> None:
    payload = json.loads(path.read_text())
    dataset = ngsi.TYPES[payload["type"]]
    contract = DOCUMENTS.contracts[dataset]
    row = ngsi.row(payload)
    row.setdefault("refPointOfInterest", "unknown")
    answer = Intake(contract, 1, SECRET, text=False).take(SourceRecord({}, "here", row), AT_MS)
    assert isinstance(answer, Accepted), answer
    decoder = Decoder(contract, {1: contract.schema}, lambda _: {}, SECRET)
    event = dict(decoder.decode(answer.value).value)
    flat = ngsi.key_values(payload)
    known = {field["name"] for field in contract.schema["fields"]}
    same = (set(flat) & known) - {"location", "address", "dateObserved", "dateObservedFrom", "dateObservedTo"}
    assert len(same) >= 6
    for name in same - {"observationDateTime"}:
        assert event[name] == flat[name] or (event[name], flat[name]) == (None, False), name
    assert -10 < event["location"]["longitude"] < 0
    assert 36 < event["location"]["latitude"] < 44


def test_both_forms_of_a_payload_are_one_row() -> None:
    short = {
        "id": "urn:x:1",
        "type": "AirQualityObserved",
        "dateObserved": "2026-11-22T12:00:00",
        "location": {"type": "Point", "coordinates": [24.3, 58.3]},
        "no2": 12.5,
        "unclassified": 1,
    }
    kinds = {"dateObserved": "DateTime", "location": "geo:json"}
    full = {
        name: one if name in {"id", "type"} else {"type": kinds.get(name, "Number"), "value": one}
        for name, one in short.items()
    }
    assert ngsi.row(full) == ngsi.row(short)
    full["no2"] = {**full["no2"], "metadata": {"unitCode": {"value": "GP"}}}
    assert ngsi.row(full) == {**ngsi.row(short), "unitCode": "GP"}
    assert ngsi.row(short)["dateObserved"] == "2026-11-22T12:00:00Z"


@pytest.mark.parametrize(
    ("geometry", "point"),
    [
        ({"type": "Point", "coordinates": [1, 2]}, (1, 2)),
        ({"type": "LineString", "coordinates": [[0, 0], [2, 4]]}, (1, 2)),
        ({"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}, (1, 1)),
    ],
)
def test_a_geometry_has_a_place(geometry: dict[str, Any], point: tuple[float, float]) -> None:
    assert tuple(ngsi.point(geometry).values()) == point
