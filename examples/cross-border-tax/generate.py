"""Invent the events of the example: income payments from Estonia, tax residency certificates from Finland.

    python generate.py -n 20000 --seed 1 --out inbox          # that many events, then end
    python generate.py --rate 2000 --out inbox                # 2,000 events a second, until stopped
    python generate.py -n 20000 --bad 5 --out inbox           # five of a thousand rows are faulty

Same seed, same bytes. Files of 5,000 rows are written beside the inbox and renamed into it, so that a reader never sees
half of one. Income payments are newline JSON, residency certificates CSV.

No identifier belongs to a living person, though every check digit is right:

- Estonian personal codes (isikukood) start with 1 or 2, which means born 1800-1899. The person's birth date in the same
  record is a hundred years later, so that ages make sense; only the century digit of the code is moved.
- Finnish personal identity codes (henkilotunnus) have the individual number 900-999, which the population register
  never gives to anybody.
- Business codes start with 00, names and addresses are made of syllables, and places are small numbers of real towns.
"""

import argparse
import csv
import itertools
import json
import random
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

ROWS_A_FILE = 5_000
START_MS = 1_790_812_800_000  # 2026-10-01T00:00:00Z: the first event; each one is a few seconds later
EPOCH = date(1970, 1, 1)

PAYMENTS = "income-payments"
RESIDENCY = "tax-residency"

_HETU_CHECK = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_FIRST = ("Aino", "Eero", "Helmi", "Ilmar", "Jaan", "Kaisa", "Leida", "Mart", "Oskar", "Piret", "Reet", "Sulev")
_SYLLABLES = ("kal", "len", "mets", "nur", "oja", "pal", "ran", "saar", "tamm", "vesi", "ild", "korpi")
_STREETS = ("Kase", "Kuuse", "Lepa", "Koivu", "Lehmus", "Tammi", "Pihlaka", "Vaahtera")
_TOWNS = {
    "EE": (("Tallinn", "10"), ("Tartu", "50"), ("Narva", "20")),
    "FI": (("Helsinki", "00"), ("Tampere", "33"), ("Turku", "20"), ("Oulu", "90")),
    "LV": (("Riga", "LV"),),
    "SE": (("Uppsala", "75"),),
}
_COORDINATES = {"Helsinki": (60.17, 24.94), "Tampere": (61.5, 23.76), "Turku": (60.45, 22.27), "Oulu": (65.01, 25.47)}
_INCOME = ("WAGES", "WAGES", "WAGES", "DIRECTORS_FEE", "PENSION", "DIVIDEND", "ROYALTY")
_DEDUCTIONS = ("UNEMPLOYMENT_INSURANCE", "FUNDED_PENSION", "TRADE_UNION", "TRAVEL")


# --- identifiers ------------------------------------------------------------------------------------------------------


def isikukood_check(ten: str) -> int:
    """Return the check digit of the first ten digits of an Estonian personal code."""
    for weights in ((1, 2, 3, 4, 5, 6, 7, 8, 9, 1), (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)):
        rest = sum(int(digit) * weight for digit, weight in zip(ten, weights, strict=True)) % 11
        if rest < 10:
            return rest
    return 0


def isikukood(born: date, serial: int, *, female: bool) -> str:
    """Return the code of somebody born a hundred years before `born` (1940-1999): nobody living holds it."""
    ten = f"{2 if female else 1}{born:%y%m%d}{serial:03d}"
    return ten + str(isikukood_check(ten))


def henkilotunnus(born: date, individual: int) -> str:
    """Return the identity code for an individual number of 900-999: artificial, never given to anybody."""
    digits = f"{born:%d%m%y}{individual:03d}"
    century = "A" if born.year >= 2000 else "-"
    return f"{digits[:6]}{century}{digits[6:]}{_HETU_CHECK[int(digits) % 31]}"


# --- people and payers ------------------------------------------------------------------------------------------------


def people(seed: int, count: int = 2_000) -> list[dict[str, Any]]:
    """Return the invented people of a seed, each with a different national id; even places Estonian, odd Finnish."""
    rng = random.Random(f"people {seed}")
    made: dict[str, dict[str, Any]] = {}
    while len(made) < count:
        born = date(1940, 1, 1) + timedelta(days=rng.randrange(21_900))  # to the end of 1999
        estonian = len(made) % 2 == 0
        national_id = (
            isikukood(born, rng.randrange(1_000), female=rng.random() < 0.5)
            if estonian
            else henkilotunnus(born, rng.randrange(900, 1_000))
        )
        residence = rng.choices(("EE", "FI", "LV", "SE"), (55, 35, 6, 4) if estonian else (10, 80, 2, 8))[0]
        town, code = rng.choice(_TOWNS[residence])
        made.setdefault(
            national_id,
            {
                "national_id": national_id,
                "name": f"{rng.choice(_FIRST)} {_syllables(rng, 2).capitalize()}",
                "birth_date": (born - EPOCH).days,
                "residence": residence,
                "address": {
                    "street": f"{rng.choice(_STREETS)} {rng.randrange(1, 120)}",
                    "town": town,
                    "postcode": f"{code}{rng.randrange(1_000):03d}",
                    "country": residence,
                },
            },
        )
    return list(made.values())


def _syllables(rng: random.Random, count: int) -> str:
    return "".join(rng.choice(_SYLLABLES) for _ in range(count))


def _payers(rng: random.Random) -> list[dict[str, str]]:
    countries = ("EE",) * 8 + ("FI", "LV")
    return [
        {
            "id": f"00{number:06d}",
            "name": f"{_syllables(rng, 3).capitalize()} {'AS' if number % 3 else 'OU'}",
            "country": countries[number % len(countries)],
        }
        for number in range(1, 201)
    ]


# --- events -----------------------------------------------------------------------------------------------------------


def events(seed: int, n: int | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `n` (dataset, event) pairs, for ever if None; four payments to each residency certificate.

    Values are what Avro stores: milliseconds for timestamps, days for dates, bytes for fixed.
    """
    everyone = people(seed)
    payers = _payers(random.Random(f"payers {seed}"))
    rng = random.Random(f"events {seed}")
    finns = [person for person in everyone if person["residence"] == "FI"]
    at_ms = START_MS
    for number in itertools.count() if n is None else range(n):
        at_ms += rng.randrange(1_000, 9_000)
        if number % 5 == 4:
            yield RESIDENCY, _certificate(rng, finns, at_ms)
        else:
            yield PAYMENTS, _payment(rng, everyone, payers, at_ms)


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _payment(
    rng: random.Random, everyone: list[dict[str, Any]], payers: list[dict[str, str]], at_ms: int
) -> dict[str, Any]:
    kind = rng.choice(_INCOME)
    gross = int(rng.lognormvariate(12.2, 0.6))  # cents; the middle is about 2,000 euro
    month = datetime.fromtimestamp(at_ms / 1000, UTC)
    return {
        "payment_id": _uuid(rng),
        "paid_at": at_ms,
        "tax_period": f"{month:%Y-%m}",
        "income_type": kind,
        "payer": rng.choice(payers),
        "payee": rng.choice(everyone),
        "gross_cents": gross,
        "withheld_tax_cents": gross * 22 // 100 if kind != "DIVIDEND" else 0,
        "currency": "EUR",
        "deductions": [
            {"kind": rng.choice(_DEDUCTIONS), "amount_cents": rng.randrange(100, 20_000)}
            for _ in range(rng.randrange(4) if kind == "WAGES" else 0)
        ],
        "treaty_article": rng.choice(("14", "15", "17")) if rng.random() < 0.3 else None,
        "references": {"declaration": f"TSD-{rng.randrange(10**6):06d}"} if rng.random() < 0.5 else {},
    }


def _certificate(rng: random.Random, finns: list[dict[str, Any]], at_ms: int) -> dict[str, Any]:
    person = rng.choice(finns)
    latitude, longitude = _COORDINATES[person["address"]["town"]]
    since = at_ms // 86_400_000 - rng.randrange(30, 4_000)
    return {
        "certificate_id": _uuid(rng),
        "issued_at": at_ms,
        "person": {key: person[key] for key in ("national_id", "name", "birth_date")},
        "status": rng.choices(("RESIDENT", "NON_RESIDENT", "DUAL"), (80, 10, 10))[0],
        "resident_since": since,
        "resident_until": None if rng.random() < 0.8 else since + rng.randrange(30, 3_000),
        "days_present": rng.randrange(0, 366),
        "source_country": rng.choices(("EE", "SE", "LV"), (70, 20, 10))[0],
        "estimated_income_eur": round(rng.lognormvariate(10.3, 0.5), 2),
        "home_latitude": round(latitude + rng.uniform(-0.2, 0.2), 5),
        "home_longitude": round(longitude + rng.uniform(-0.2, 0.2), 5),
        "document_digest": rng.randbytes(16),
    }


# --- files ------------------------------------------------------------------------------------------------------------


def iso_time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at_ms % 1000:03d}Z"


def iso_date(days: int) -> str:
    return (EPOCH + timedelta(days=days)).isoformat()


def row(dataset: str, event: dict[str, Any]) -> dict[str, Any]:
    """Return an event as a provider's system would write it: ISO dates and times, hex for fixed bytes."""
    if dataset == PAYMENTS:
        payee = event["payee"]
        return {
            **event,
            "paid_at": iso_time(event["paid_at"]),
            "payee": {**payee, "birth_date": iso_date(payee["birth_date"])},
        }
    until = event["resident_until"]
    return {
        **event,
        "issued_at": iso_time(event["issued_at"]),
        "person": {**event["person"], "birth_date": iso_date(event["person"]["birth_date"])},
        "resident_since": iso_date(event["resident_since"]),
        "resident_until": None if until is None else iso_date(until),
        "document_digest": event["document_digest"].hex(),
    }


def flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested records as CSV columns with dotted names; null is an empty cell."""
    columns: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, dict):
            columns |= flat(item, f"{prefix}{name}.")
        else:
            columns[prefix + name] = item
    return columns


# What `--bad` does to a row, by the reason that Penstock gives when it refuses it.
_KEYS = {
    PAYMENTS: ("payment_id", "paid_at", "payee"),
    RESIDENCY: ("certificate_id", "issued_at", "person"),
}


def _spoilt(dataset: str, reason: str, good: dict[str, Any], seen: str) -> dict[str, Any]:
    event_id, event_time, person = _KEYS[dataset]
    match reason:
        case "columns":
            return {key: value for key, value in good.items() if key != event_time}
        case "type":
            return {**good, event_time: "yesterday"}
        case "event_id":
            return {**good, event_id: ""}
        case "duplicate":
            return {**good, event_id: seen}
        case _:  # subject
            return {**good, person: {**good[person], "national_id": ""}}


REASONS = {
    PAYMENTS: ("encoding", "columns", "type", "event_id", "duplicate", "subject"),
    RESIDENCY: ("type", "event_id", "duplicate", "subject"),  # a CSV file has one header for all its rows
}


class Writer:
    """Writes the files of one dataset: beside the inbox first, renamed into it when whole."""

    def __init__(self, folder: Path, dataset: str, seed: int, bad: int) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._dataset = dataset
        self._rng = random.Random(f"bad {dataset} {seed}")
        self._bad = bad
        self._seed = seed
        self._rows: list[dict[str, Any] | None] = []
        self._number = 0
        self.written = 0
        self.faulty: dict[str, int] = {}

    def add(self, event: dict[str, Any]) -> None:
        good = row(self._dataset, event)
        before = next((one for one in reversed(self._rows) if one is not None), None)
        if before is not None and self._rng.randrange(1_000) < self._bad:
            reason = self._rng.choice(REASONS[self._dataset])
            self.faulty[reason] = self.faulty.get(reason, 0) + 1
            event_id = _KEYS[self._dataset][0]
            self._rows.append(None if reason == "encoding" else _spoilt(self._dataset, reason, good, before[event_id]))
        else:
            self._rows.append(good)
        if len(self._rows) >= ROWS_A_FILE:
            self.flush()

    def flush(self) -> None:
        if not self._rows:
            return
        self._number += 1
        suffix, text = ("ndjson", self._ndjson()) if self._dataset == PAYMENTS else ("csv", self._csv())
        name = f"{self._dataset}-{self._seed}-{self._number:06d}.{suffix}"  # no seed overwrites another's
        part = self._folder.parent / f".{name}.part"
        part.write_bytes(text)
        part.rename(self._folder / name)
        self.written += len(self._rows)
        self._rows = []

    def _ndjson(self) -> bytes:
        lines = (b'{"payment_id": ' if one is None else json.dumps(one).encode() for one in self._rows)
        return b"".join(line + b"\n" for line in lines)

    def _csv(self) -> bytes:
        out = StringIO(newline="")
        rows = [flat(one) for one in self._rows if one is not None]
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().encode()


def write(out: Path, *, seed: int, n: int | None, rate: int | None, bad: int) -> dict[str, Writer]:
    """Write `n` events (None: until interrupted) under `out`; return the writers, which know what they wrote."""
    writers = {dataset: Writer(out / dataset, dataset, seed, bad) for dataset in (PAYMENTS, RESIDENCY)}
    started = time.monotonic()
    try:
        for number, (dataset, event) in enumerate(events(seed, n), 1):
            writers[dataset].add(event)
            if rate and number % rate == 0:
                for writer in writers.values():
                    writer.flush()
                time.sleep(max(0.0, started + number / rate - time.monotonic()))
    except KeyboardInterrupt:
        pass
    for writer in writers.values():
        writer.flush()
    return writers


def main() -> None:
    parser = argparse.ArgumentParser(description="Invent income payments and residency certificates.")
    parser.add_argument("-n", type=int, help="how many events (default: until interrupted, which needs --rate)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "inbox")
    parser.add_argument("--rate", type=int, help="events a second (default: as fast as they come)")
    parser.add_argument("--bad", type=int, default=0, metavar="PERMILLE", help="faulty rows of a thousand")
    args = parser.parse_args()
    if args.n is None and args.rate is None:
        parser.error("without -n, say how fast: --rate 2000")
    if not 0 <= args.bad <= 1_000 or (args.rate is not None and args.rate < 1):
        parser.error("--bad is 0 to 1000 and --rate at least 1")
    writers = write(args.out, seed=args.seed, n=args.n, rate=args.rate, bad=args.bad)
    for dataset, writer in writers.items():
        wrong = ", ".join(f"{reason} {count}" for reason, count in sorted(writer.faulty.items()))
        print(f"{dataset}: {writer.written} rows{f', faulty on purpose: {wrong}' if wrong else ''}", file=sys.stderr)


if __name__ == "__main__":
    main()
