"""The input of the fault bench: what each number means follows from the seed alone, for the writer and the checker.

Every protected field holds a canary, 32 hexadecimal digits out of 16 bytes that occur nowhere else, so that one search
over raw segments and logs tells whether anything ever went in clear.
"""

import hashlib
import io
import json
import uuid
from pathlib import Path
from typing import Any

import fastavro

HERE = Path(__file__).resolve().parent
SCHEMA = fastavro.parse_schema(json.loads((HERE / "ecosystem" / "contracts" / "permits.avsc").read_text()))
DATASET, TOPIC, PARTITIONS = "permits", "north.permits.v1", 6
AGREEMENTS = ("permits-open", "permits-sealed", "permits-noised", "permits-part")
SUBJECTS = 3_000
POISON_EVERY = 100
"""One record in so many, on average, cannot be decoded."""

POISONS = ("magic", "schema", "truncated", "garbage")
KINDS = ("HOUSE", "BARN", "BRIDGE", "WELL")
FIRST_MS = 1_767_225_600_000
NO_SCHEMA = 0x7FFF_FFF0


def event(seed: int, n: int) -> dict[str, Any]:
    """Return the event of number `n`, its values as Avro stores them."""
    drawn = _drawn(seed, n)
    return {
        "permit_id": str(uuid.UUID(bytes=drawn[:16], version=4)),
        "issued_at": FIRST_MS + n,
        "serial": n,
        "kind": KINDS[drawn[16] % len(KINDS)],
        "region": "NS"[drawn[17] % 2],
        "holder": {"national_id": _subject(seed, n), "name": _canary(seed, n, "n"), "street": _canary(seed, n, "s")},
        "remark": _canary(seed, n, "r") if drawn[18] % 3 else None,
        "amount_cents": int.from_bytes(drawn[19:23]) % 100_000,
    }


def canaries(seed: int, n: int) -> dict[str, str]:
    """Return, by path, the texts of event `n` that must be seen nowhere in clear."""
    made = event(seed, n)
    found = {f"holder.{name}": str(value) for name, value in made["holder"].items()}
    return {**found, "permit_id": made["permit_id"], **({"remark": made["remark"]} if made["remark"] else {})}


def key(seed: int, n: int) -> bytes:
    """Return the record key: the holder's identifier, as the contract says."""
    return _subject(seed, n).encode()


def poison_kind(seed: int, n: int) -> str | None:
    """Return how record `n` is spoilt; None: it is sound."""
    drawn = _drawn(seed, n)
    if int.from_bytes(drawn[24:28]) % POISON_EVERY:
        return None
    return POISONS[drawn[28] % len(POISONS)]


def frame(seed: int, n: int, schema_id: int) -> bytes:
    """Return record `n` as it goes on the provider topic: Confluent's wire format, or spoilt."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, SCHEMA, event(seed, n))
    head, body = b"\x00" + schema_id.to_bytes(4), out.getvalue()
    spoilt = {
        "magic": b"\x07" + head[1:] + body,
        "schema": b"\x00" + NO_SCHEMA.to_bytes(4) + body,
        "truncated": head + body[:-9],
        "garbage": head + body[::-1],
    }
    return spoilt.get(poison_kind(seed, n) or "", head + body)


def _drawn(seed: int, n: int) -> bytes:
    return hashlib.blake2b(f"{seed}/{n}".encode(), digest_size=32).digest()


def _subject(seed: int, n: int) -> str:
    which = int.from_bytes(_drawn(seed, n)[28:32]) % SUBJECTS
    return hashlib.blake2b(f"{seed}/subject/{which}".encode(), digest_size=16).hexdigest()


def _canary(seed: int, n: int, field: str) -> str:
    return hashlib.blake2b(f"{seed}/{n}/{field}".encode(), digest_size=16).hexdigest()
