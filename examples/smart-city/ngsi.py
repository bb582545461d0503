"""From the payloads of the Smart Data Models, as a context broker writes them, to the rows of this city's contracts.

    row("air-quality", payload)

Takes both of NGSI's forms, key-values and normalized. Only what differs is mapped: where it is, when it was, and an id
that no two readings share. What the contract does not know stays in the row: to drop it is the contract's decision.
"""

from collections.abc import Iterator, Mapping
from typing import Any

AIR, PARKING, TRAFFIC = "air-quality", "parking", "traffic-flow"
TYPES = {"AirQualityObserved": AIR, "OnStreetParking": PARKING, "TrafficFlowObserved": TRAFFIC}
CONCENTRATIONS = ("no", "no2", "nox", "o3", "so2", "co", "pm10", "pm25")
MICROGRAMS = "GQ"

Payload = Mapping[str, Any]


def row(payload: Payload) -> dict[str, Any]:
    """Return the row of a payload; `TYPES` says of which dataset. Raises KeyError for a type that has none."""
    flat = key_values(payload)
    made = {name: value for name, value in flat.items() if name not in {"location", "address"}}
    made["location"] = point(flat["location"])
    if isinstance(flat.get("address"), Mapping):
        made["address"] = {name: flat["address"].get(name) for name in _ADDRESS}
    at = {AIR: _air, PARKING: _parking, TRAFFIC: _traffic}[TYPES[flat["type"]]](made, payload)
    return {"observationId": f"{flat['id']}:{at}", **made}


_ADDRESS = ("streetAddress", "addressLocality", "addressCountry")


def _air(made: dict[str, Any], payload: Payload) -> str:
    made["dateObserved"] = instant(made["dateObserved"])
    if isinstance(made.get("precipitation"), bool):
        made["precipitation"] = None  # some stations say whether it rained, which is no amount
    units = sorted(_unit_codes(payload) - {MICROGRAMS})
    if units:
        made["unitCode"] = units[0]
    return str(made["dateObserved"])


def _parking(made: dict[str, Any], _payload: Payload) -> str:
    made["observationDateTime"] = instant(made.get("observationDateTime") or made["dateModified"])
    made.setdefault("parkingSiteId", made["id"])
    return str(made["observationDateTime"])


def _traffic(made: dict[str, Any], _payload: Payload) -> str:
    for name in ("dateObservedFrom", "dateObservedTo"):
        made[name] = instant(made[name])
    return str(made["dateObservedFrom"])


def key_values(payload: Payload) -> dict[str, Any]:
    """Return a payload in its short form: a property of the normalized form is what its `value` says."""
    return {
        name: one["value"] if isinstance(one, Mapping) and "value" in one and "type" in one else one
        for name, one in payload.items()
    }


def point(geometry: Mapping[str, Any]) -> dict[str, float]:
    """Return a place for a GeoJSON geometry: the point, else the middle of its different corners."""
    corners = sorted(set(_positions(geometry["coordinates"])))
    longitude, latitude = (sum(axis) / len(corners) for axis in zip(*corners, strict=True))
    return {"longitude": longitude, "latitude": latitude}


def _positions(coordinates: Any) -> Iterator[tuple[float, float]]:
    if isinstance(coordinates[0], list):
        for one in coordinates:
            yield from _positions(one)
    else:
        yield float(coordinates[0]), float(coordinates[1])


def instant(text: str) -> str:
    """Return an ISO 8601 instant with its zone; one without is in UTC."""
    return text if text.endswith("Z") or text[-6] in "+-" else text + "Z"


def _unit_codes(payload: Payload) -> set[str]:
    said = (payload.get(name) for name in CONCENTRATIONS)
    codes = (one.get("metadata", {}).get("unitCode", {}).get("value") for one in said if isinstance(one, Mapping))
    return {str(code) for code in codes if code}
