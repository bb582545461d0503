"""What happens in Kaldvere: readings of its sensors and what its people report, each seed another day.

Same seed and same instant, same messages. Nobody here exists: names and streets are made of syllables, e-mail addresses
end in `example.org`, the city lies in a wood.
"""

import itertools
import json
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import ngsi
from ngsi import AIR, PARKING, TRAFFIC

INCIDENTS = "incident-reports"
DATASETS = (AIR, PARKING, TRAFFIC, INCIDENTS)
SHARES = (30, 20, 45, 5)
ROOT = "kaldvere"
ENTITY = "urn:ngsi-ld:"
NEW_FIRMWARE = 3
"""So many air stations already have the firmware that tells how many devices it sees nearby. Nobody classified that."""

MINUTE_MS = 60_000
ODDITIES = {AIR: ("late", "future", "range", "unit"), PARKING: ("late", "future", "range")}
ODDITIES |= {TRAFFIC: ("late", "future", "range"), INCIDENTS: ("late",)}
FAULTS = {
    AIR: ("encoding", "columns", "type", "event_id", "duplicate", "unmapped"),
    PARKING: ("columns", "type", "unmapped"),
    TRAFFIC: ("encoding", "columns", "type", "event_id", "duplicate"),
    INCIDENTS: ("type", "subject"),  # posted one by one: text that is no JSON is turned away at the door
}
"""How messages are spoilt, by the reason that Penstock gives when it refuses them."""

_TIMES = {AIR: "dateObserved", PARKING: "observationDateTime", TRAFFIC: "dateObservedFrom", INCIDENTS: "reportedAt"}
_IDS = {AIR: "observationId", PARKING: "observationId", TRAFFIC: "observationId", INCIDENTS: "reportId"}
_REQUIRED = {AIR: "dateObserved", PARKING: "totalSpotNumber", TRAFFIC: "intensity", INCIDENTS: "category"}
_RANGES = {AIR: ("no2", 5_000.0), PARKING: ("availableSpotNumber", 9_999), TRAFFIC: ("averageVehicleSpeed", 400.0)}

_SYLLABLES = ("kal", "len", "mets", "nur", "oja", "pal", "ran", "saar", "tamm", "vesi", "ild", "korpi")
_FIRST = ("Aino", "Eero", "Helmi", "Ilmar", "Jaan", "Kaisa", "Leida", "Mart", "Oskar", "Piret", "Reet", "Sulev")
_STREETS = ("Kase", "Kuuse", "Lepa", "Koivu", "Lehmus", "Tammi", "Pihlaka", "Vaahtera")
_WORDS = {
    "ACCIDENT": "Two cars and a bicycle at {street}, {name} from number {house} is hurt.",
    "ROAD_DAMAGE": "A hole in front of {street} {house}, {name} fell into it.",
    "STREET_LIGHT": "The light at {street} {house} has been out for a week, says {name}.",
    "FLOODING": "Water in the cellars of {street}, {name} is carrying boxes.",
    "NOISE": "Party at {street} {house} again, that is {name}, as always.",
    "SMELL": "It smells of plastic, {name} at {street} {house} burns something in the yard.",
    "OTHER": "Somebody left a sofa at {street} {house}, it used to be in {name}'s hall.",
}


@dataclass(frozen=True)
class Message:
    """One thing that somebody sends. `row` is None where the message is refused for its form: then `raw` is sent.

    `oddity`: late, future, range or unit; `fault`: the reason for which it will be refused. A resent message is the
    same as the one before.
    """

    dataset: str
    row: dict[str, Any] | None
    topic: str = ""
    oddity: str = ""
    fault: str = ""
    resent: bool = False
    unclassified: bool = False
    raw: bytes = b""

    @property
    def body(self) -> bytes:
        return self.raw if self.row is None else json.dumps(self.row, ensure_ascii=False).encode()


@dataclass
class Tally:
    """What was sent, by dataset. `good` is published if all goes well, with `odd` among them flagged."""

    good: Counter[str] = field(default_factory=Counter)
    resent: Counter[str] = field(default_factory=Counter)
    unclassified: Counter[str] = field(default_factory=Counter)
    odd: dict[str, Counter[str]] = field(default_factory=lambda: {one: Counter() for one in DATASETS})
    faulty: dict[str, Counter[str]] = field(default_factory=lambda: {one: Counter() for one in DATASETS})

    def add(self, message: Message) -> None:
        if message.fault:
            self.faulty[message.dataset][message.fault] += 1
        elif message.resent:
            self.resent[message.dataset] += 1
        else:
            self.good[message.dataset] += 1
            self.unclassified[message.dataset] += message.unclassified
            if message.oddity:
                self.odd[message.dataset][message.oddity] += 1

    def messages(self, dataset: str) -> int:
        return self.good[dataset] + self.resent[dataset] + self.faulty[dataset].total()

    def as_json(self) -> dict[str, Any]:
        return {
            dataset: {
                "messages": self.messages(dataset),
                "good": self.good[dataset],
                "resent": self.resent[dataset],
                "unclassified": self.unclassified[dataset],
                "odd": dict(sorted(self.odd[dataset].items())),
                "faulty": dict(sorted(self.faulty[dataset].items())),
            }
            for dataset in DATASETS
        }


class City:
    """The city on a seed's day. `clock` gives the milliseconds since the epoch at which the next thing happens."""

    def __init__(self, seed: int, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._rng = random.Random("Kaldvere")
        self._last = 0
        self.stations = [self._entity(f"station-{number:02}") for number in range(1, 25)]
        self.streets = [self._entity(f"street-{number:02}") for number in range(1, 41)]
        self.detectors = [self._entity(f"detector-{number:02}") for number in range(1, 61)]
        self.people = [self._person() for _ in range(200)]
        # The city is always the same, its days are not; nor are the reports of two days of one seed.
        self._rng = random.Random(f"days {seed}")
        self._ids = random.Random(f"ids {seed} {clock()}")
        self._made: dict[str, Callable[[int], Message]] = {
            AIR: self._air,
            PARKING: self._parking,
            TRAFFIC: self._traffic,
            INCIDENTS: self._incident,
        }

    def messages(self, *, resent: float, faulty: float) -> Iterator[Message]:
        """Yield messages for ever; a part of them is sent again some messages later, and some are spoilt ones."""
        later: dict[int, list[Message]] = {}
        for number in itertools.count():
            yield from later.pop(number, ())
            dataset = self._rng.choices(DATASETS, SHARES)[0]
            good = self._one(dataset)
            yield good
            if self._rng.random() < resent:
                again = number + self._rng.randrange(1, 100)
                later.setdefault(again, []).append(replace(good, resent=True))
            if self._rng.random() < faulty:
                yield self._spoilt(good)

    def _one(self, dataset: str) -> Message:
        # One millisecond for each: a station that says two things says them at two instants.
        self._last = max(self._last + 1, self._clock())
        good = self._made[dataset](self._last)
        chance = self._rng.random()
        if chance < 0.05 and (oddity := self._rng.choice(ODDITIES[dataset])):
            return self._odd(good, oddity)
        return good

    # --- what is sent ---

    def _air(self, at_ms: int) -> Message:
        number = self._rng.randrange(len(self.stations))
        name, longitude, latitude, street = self.stations[number]
        no2, new = round(self._rng.lognormvariate(3.2, 0.5), 1), number < NEW_FIRMWARE
        payload = {
            "id": f"{ENTITY}AirQualityObserved:{name}",
            "type": "AirQualityObserved",
            "dateObserved": iso(at_ms),
            "location": _geo(longitude, latitude),
            "address": {"streetAddress": street, "addressLocality": "Kaldvere", "addressCountry": "EE"},
            "typeOfLocation": "outdoor",
            "reliability": round(self._rng.uniform(0.4, 1.0), 2),
            "no2": no2,
            "no": round(no2 * 0.4, 1),
            "o3": round(self._rng.uniform(10, 90), 1),
            "pm10": round(self._rng.lognormvariate(2.9, 0.4), 1),
            "pm25": round(self._rng.lognormvariate(2.2, 0.4), 1),
            "temperature": round(self._rng.gauss(8, 6), 1),
            "relativeHumidity": round(self._rng.uniform(0.3, 1.0), 2),
            "windSpeed": round(self._rng.uniform(0, 14), 1),
            "airQualityLevel": "good" if no2 < 40 else "moderate",
        }
        row = {
            **ngsi.row(payload),
            "unitCode": ngsi.MICROGRAMS,
            **({"nearbyDevices": self._rng.randrange(40)} if new else {}),
        }
        return Message(AIR, row, f"{ROOT}/air/{name}", unclassified=new)

    def _parking(self, at_ms: int) -> Message:
        number = self._rng.randrange(len(self.streets))
        name, longitude, latitude, street = self.streets[number]
        total, kept = 6 + number % 20, number % 3
        free = self._rng.randrange(total - kept + 1)
        payload = {
            "id": f"{ENTITY}OnStreetParking:{name}",
            "type": "OnStreetParking",
            "observationDateTime": iso(at_ms),
            "location": _geo(longitude, latitude),
            "areaServed": street,
            "category": ["blueZone"] if number % 2 else ["free", "forDisabled"],
            "allowedVehicleType": ["car"],
            "totalSpotNumber": total,
            "availableSpotNumber": free,
            "occupiedSpotNumber": total - kept - free,
            "extraSpotNumber": kept,
            "parkingSiteId": name,
        }
        return Message(PARKING, ngsi.row(payload), f"{ROOT}/parking/{name}")

    def _traffic(self, at_ms: int) -> Message:
        name, longitude, latitude, street = self._rng.choice(self.detectors)
        vehicles = max(0, int(self._rng.gauss(18, 14)))
        payload = {
            "id": f"{ENTITY}TrafficFlowObserved:{name}",
            "type": "TrafficFlowObserved",
            "dateObservedFrom": iso(at_ms),
            "dateObservedTo": iso(at_ms + MINUTE_MS),
            "location": _geo(longitude, latitude),
            "address": {"streetAddress": street, "addressLocality": "Kaldvere", "addressCountry": "EE"},
            "laneId": self._rng.randrange(1, 4),
            "laneDirection": self._rng.choice(("forward", "backward")),
            "intensity": vehicles,
            "occupancy": round(min(1.0, vehicles / 70), 2),
            "averageVehicleSpeed": round(self._rng.uniform(8, 70), 1) if vehicles else None,
            "averageVehicleLength": 4.6 if vehicles else None,
        }
        return Message(TRAFFIC, ngsi.row(payload))

    def _incident(self, at_ms: int) -> Message:
        person, about = self._rng.choice(self.people), self._rng.choice(self.people)
        category, street = self._rng.choice(list(_WORDS)), self._rng.choice(_STREETS)
        longitude, latitude = self._place()
        text = _WORDS[category].format(street=street, name=about["name"], house=self._rng.randrange(1, 90))
        row = {
            "reportId": str(uuid.UUID(int=self._ids.getrandbits(128), version=4)),
            "reportedAt": iso(at_ms),
            "category": category,
            "urgency": "URGENT" if category == "ACCIDENT" else self._rng.choice(("LOW", "NORMAL")),
            "description": text,
            "reporter": person,
            "location": {"longitude": longitude, "latitude": latitude},
            "address": {"streetAddress": f"{street} {self._rng.randrange(1, 90)}", "addressLocality": "Kaldvere"},
        }
        return Message(INCIDENTS, row)

    # --- what is odd or wrong about it ---

    def _odd(self, good: Message, oddity: str) -> Message:
        """Return a message that Penstock publishes with a flag."""
        row = dict(good.row or {})
        if oddity in {"late", "future"}:
            shift = -25 * MINUTE_MS if oddity == "late" else 120 * MINUTE_MS
            at_ms = self._last + shift
            row[_TIMES[good.dataset]] = iso(at_ms)
            if good.dataset != INCIDENTS:
                row["observationId"] = f"{row['id']}:{iso(at_ms)}"
        elif oddity == "range":
            name, value = _RANGES[good.dataset]
            row[name] = value
        else:
            row["unitCode"] = "GP"  # milligram, from a station that was set up wrongly
        return Message(good.dataset, row, good.topic, oddity=oddity, unclassified=good.unclassified)

    def _spoilt(self, good: Message) -> Message:
        """Return a message that Penstock refuses."""
        dataset, row = good.dataset, dict(good.row or {})
        fault = self._rng.choice(FAULTS[dataset])
        topic, raw = good.topic, b""
        if fault not in {"duplicate", "event_id"}:
            row[_IDS[dataset]] = str(uuid.UUID(int=self._ids.getrandbits(128), version=4))
        match fault:
            case "encoding":
                raw, row = good.body[: len(good.body) // 2], {}
            case "columns":
                del row[_REQUIRED[dataset]]
            case "type":
                row[_TIMES[dataset]] = "yesterday"
            case "event_id":
                row[_IDS[dataset]] = ""
            case "subject":
                row["reporter"] = {**row["reporter"], "id": ""}
            case "duplicate":  # the id of another, and not its content
                row["type"] = "Changed"
            case "unmapped":
                topic += "/firmware"
        return Message(dataset, None if raw else row, topic, fault=fault, raw=raw)

    # --- where and who ---

    def _place(self) -> tuple[float, float]:
        return round(self._rng.uniform(24.20, 24.50), 5), round(self._rng.uniform(58.20, 58.35), 5)

    def _entity(self, name: str) -> tuple[str, float, float, str]:
        return (name, *self._place(), f"{self._rng.choice(_STREETS)} {self._rng.randrange(1, 90)}")

    def _person(self) -> dict[str, str]:
        name = f"{self._rng.choice(_FIRST)} {''.join(self._rng.choice(_SYLLABLES) for _ in range(2)).capitalize()}"
        account = f"acc-{self._rng.getrandbits(48):012x}"
        return {"id": account, "name": name, "contact": f"{account}@example.org"}


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at_ms % 1000:03d}Z"


def _geo(longitude: float, latitude: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [longitude, latitude]}


def day_of(n: int, seed: int, at_ms: int, *, resent: float = 0.1, faulty: float = 0.005) -> Iterator[Message]:
    """Yield the messages about `n` readings that end at `at_ms`, those sent again and spoilt among them."""
    started = itertools.count(at_ms - n, 1)
    made = City(seed, lambda: next(started)).messages(resent=resent, faulty=faulty)
    good = 0
    while good < n:
        message = next(made)
        good += not (message.resent or message.fault)
        yield message
