"""Canaries, and the search for them: in raw segments, in what is inside their batches, in logs, pages and files."""

import base64
import re
import struct
import urllib.error
import urllib.request
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import cramjam
from ecosystem import PAYMENTS, RESIDENCY, Ecosystem, Event, Fed

WHITE_LIST = ("pass", "generalise")
"""Safeguards that show a value or its neighbourhood; a mask shows a few characters, which no whole canary survives."""


def paths_hidden(agreements: Iterable[Mapping[str, Any]], dataset: str) -> set[str]:
    """Return the fields of a dataset that no agreement passes or generalises."""
    said: dict[str, set[str]] = {}
    for one in agreements:
        if one["dataset"] == dataset:
            for path, safeguard in one["fields"].items():
                said.setdefault(path, set()).add(safeguard["do"])
    return {path for path, words in said.items() if not words & set(WHITE_LIST)}


# Fields that take any text; `deductions[].kind` is an enum, amounts of money are small numbers.
CANARY_PATHS = {
    PAYMENTS: ("payment_id", "payee.national_id", "payee.name", "payee.address.street", "payee.address.postcode"),
    RESIDENCY: ("certificate_id", "person.national_id", "person.name", "estimated_income_eur"),
}
CANARY_MAPS = {PAYMENTS: ("references{}",), RESIDENCY: ()}


@dataclass(frozen=True)
class Canary:
    """A value that must be nowhere in clear; `forms` are the bytes that a value may be written as."""

    path: str
    value: Any

    def forms(self) -> set[bytes]:
        plain = {self.text.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be")}
        if isinstance(self.value, float):
            plain |= {struct.pack("<d", self.value), struct.pack(">d", self.value)}
        elif self.path.endswith("_id") and _is_uuid(self.text):
            plain |= {uuid.UUID(self.text).bytes, self.text.replace("-", "").encode()}
        return {form for raw in plain for form in (raw, *_encoded(raw))}

    @property
    def text(self) -> str:
        return str(self.value)


def canary_events(events: Iterable[Fed], rng: Random) -> tuple[list[Fed], list[Canary]]:
    """Return `events` with a canary of its own in every hidden field that can hold one, and the canaries."""
    made: list[Canary] = []
    found = []
    for dataset, event in events:
        fresh = {path: _value(path, rng) for path in CANARY_PATHS[dataset]}
        marked = _with(event, fresh)
        for path in CANARY_MAPS[dataset]:
            key, value = _value(path, rng), _value(path, rng)
            marked[path.removesuffix("{}")] = {key: value}
            made += [Canary(path, key), Canary(path, value)]
        made += [Canary(path, value) for path, value in fresh.items()]
        found.append((dataset, marked))
    return found, made


def _value(path: str, rng: Random) -> Any:
    if path in {"payment_id", "certificate_id"}:
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))
    if path == "estimated_income_eur":
        return rng.uniform(10_000, 90_000)
    return f"kanari{rng.getrandbits(96):024x}"


def _with(event: Event, values: Mapping[str, Any]) -> Event:
    made = dict(event)
    for path, value in values.items():
        *above, name = path.split(".")
        holder = made
        for one in above:
            holder[one] = dict(holder[one])
            holder = holder[one]
        holder[name] = value
    return made


def _is_uuid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None


def _encoded(raw: bytes) -> Iterator[bytes]:
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for before in range(3):  # base64 looks different at each of three places; its first and last letters mix neighbours
        whole = base64.b64encode(bytes(before) + raw)
        inner = whole[4 if before else 0 : 4 * ((before + len(raw)) // 3)]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


# --- searching --------------------------------------------------------------------------------------------------------


def found_in(places: Iterable[tuple[str, bytes]], canaries: Iterable[Canary]) -> list[str]:
    """Return where a canary is, in any of its forms; what is compressed inside a place counts too."""
    forms = [(form, canary) for canary in canaries for form in canary.forms()]
    return [
        f"{name}: {canary.path}"
        for name, data in places
        for piece in (data, *inflated(data))
        for form, canary in forms
        if form in piece
    ]


def inflated(data: bytes) -> Iterator[bytes]:
    """Yield whatever zlib or gzip streams lie anywhere in `data`."""
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08", data):
        try:
            opened = zlib.decompressobj(wbits=47).decompress(data[match.start() :], 1 << 20)
        except zlib.error:
            continue
        if len(opened) > 8:
            yield opened


def in_segments(data_dir: Path, ecosystem_topics: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each topic's raw segments, as they are and with every batch decompressed: aborted records too."""
    for topic in ecosystem_topics:
        segments = sorted(data_dir.glob(f"{topic}-[0-9]*/*.log"))
        raw = b"".join(path.read_bytes() for path in segments)
        yield f"{topic} (raw)", raw
        yield f"{topic} (batches)", b"\n".join(batches(raw))


def batches(raw: bytes) -> Iterator[bytes]:
    """Yield the records of each batch (message format 2), decompressed."""
    at = 0
    while at + 61 <= len(raw):
        size = struct.unpack_from(">i", raw, at + 8)[0]
        magic, attributes = raw[at + 16], struct.unpack_from(">h", raw, at + 21)[0]
        if size <= 0 or magic != 2:
            return
        records = raw[at + 61 : at + 12 + size]
        yield _decompressed(records, attributes & 7)
        at += 12 + size


def _decompressed(records: bytes, codec: int) -> bytes:
    if codec == 0:
        return records
    assert codec == 3, f"batches are lz4 or plain, not codec {codec}"
    return bytes(cramjam.lz4.decompress(records))


def in_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file below `folder`, but for Kafka's own data."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "data" not in path.relative_to(folder).parts:
            yield str(path.relative_to(folder)), path.read_bytes()


def in_pages(ecosystem: Ecosystem) -> Iterator[tuple[str, bytes]]:
    """Yield what each role shows over HTTP."""
    for role in ecosystem.pids():
        port = ecosystem.facts(role).get("port")
        for page in ("metrics", "health") if port else ():
            yield f"{role}/{page}", page_of(int(port), page)


def page_of(port: int, page: str) -> bytes:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=10) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as unwell:
        with unwell:
            return bytes(unwell.read())
