"""Benefit claims as the files and topics of `tests/bad_input` carry them. Every text in them holds PLANTED."""

import csv
import io
import json
from typing import Any

import fastavro

PLANTED = "PLANTED"
AMOUNT = 774_185_296_300
COLUMNS = ("claim_id", "at", "claimant", "partner", "partner_income", "amount", "parts", "serial", "note")
SCHEMA_ID_UNKNOWN = 999_999

Claim = dict[str, Any]


def claim(serial: int, **changes: Any) -> Claim:
    """A good claim, of people of its own."""
    said = {
        "claim_id": f"{PLANTED}-id-{serial}",
        "at": "2026-05-17T10:00:00Z",
        "claimant": f"{PLANTED}-claimant-{serial}",
        "partner": f"{PLANTED}-partner-{serial}",
        "partner_income": AMOUNT + serial,
        "amount": AMOUNT + serial,
        "parts": 4,
        "serial": serial,
        "note": f"{PLANTED}-note-{serial}",
    }
    return said | changes


def line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def lines(*claims: Claim) -> bytes:
    return b"".join(map(line, claims))


def table(*claims: Claim, columns: tuple[str, ...] = COLUMNS) -> bytes:
    """CSV with a header."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([one.get(name, "") for name in columns] for one in claims)
    return out.getvalue().encode()


def container(schema: Any, *claims: Claim) -> bytes:
    """An Avro object container of one block."""
    out = io.BytesIO()
    fastavro.writer(out, fastavro.parse_schema(schema), [physical(one) for one in claims], sync_interval=1 << 30)
    return out.getvalue()


def physical(one: Claim) -> Claim:
    return one | {"at": 1_779_012_000_000}


def encoded(schema: Any, one: Claim) -> bytes:
    """A claim as plain Avro, without any frame."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), physical(one))
    return out.getvalue()
