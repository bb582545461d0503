"""Kafka's log segments as they lie on disk: every record, also aborted ones, and the transaction it was part of.

Facts from Kafka's documentation: record batches in message format 2, control records (0: abort, 1: commit).
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cramjam

HEAD = struct.Struct(">qiibihiqqqhii")
"""Base offset, length, leader epoch, magic, CRC, attributes, last offset's delta, first and last time, producer's id
and epoch, first sequence number, number of records."""
LENGTH_AT = 12
CODEC, TRANSACTIONAL, CONTROL = 7, 16, 32
COMMITTED, ABORTED, OPEN, PLAIN = "committed", "aborted", "open", "plain"
FOLDER = re.compile(r"(.+)-([0-9]+)")

Headers = tuple[tuple[str, bytes], ...]


@dataclass(slots=True)
class Attempt:
    """What one producer put on one partition in one transaction. `ended_ms`: when Kafka wrote how it ended."""

    pid: int
    epoch: int
    outcome: str
    ended_ms: int = 0


class Entry(NamedTuple):
    """A record as it lies there. `at_ms` is the time of its batch: append time on Penstock's data topics."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    at_ms: int
    attempt: Attempt


class Batch(NamedTuple):
    """A record batch. `payload` holds its records, decompressed."""

    offset: int
    crc: int
    flags: int
    at_ms: int
    pid: int
    epoch: int
    count: int
    payload: bytes


@dataclass
class Log:
    """One partition. `open` holds, by producer, what no marker ended."""

    topic: str
    partition: int
    entries: list[Entry] = field(default_factory=list)
    open: dict[int, Attempt] = field(default_factory=dict)

    def add(self, batch: Batch) -> None:
        if batch.flags & CONTROL:
            self.end(batch)
            return
        attempt = self.attempt(batch)
        for offset, key, value, headers in records(batch):
            self.entries.append(Entry(offset, key, value, headers, batch.at_ms, attempt))

    def attempt(self, batch: Batch) -> Attempt:
        if not batch.flags & TRANSACTIONAL:
            return Attempt(batch.pid, batch.epoch, PLAIN, batch.at_ms)
        return self.open.setdefault(batch.pid, Attempt(batch.pid, batch.epoch, OPEN))

    def end(self, batch: Batch) -> None:
        """Take a marker. One that fences a producer has a higher epoch than what it ends."""
        attempt = self.open.pop(batch.pid, None)
        if attempt is None or not batch.count:
            return
        _, key, _, _ = next(records(batch))
        attempt.outcome = COMMITTED if struct.unpack(">hh", key or b"\0" * 4)[1] == 1 else ABORTED
        attempt.ended_ms = batch.at_ms


def folders(data: Iterable[Path]) -> dict[tuple[str, int], list[Path]]:
    """Return where each partition lies, by topic and number: once a broker that has it."""
    found: dict[tuple[str, int], list[Path]] = {}
    for place in data:
        for folder in sorted(place.iterdir()):
            named = FOLDER.fullmatch(folder.name)
            if named and folder.is_dir():
                found.setdefault((named[1], int(named[2])), []).append(folder)
    return found


def log_of(topic: str, partition: int, places: Iterable[Path]) -> Log:
    """Read a partition where most of it lies."""
    made = Log(topic, partition)
    for batch in batches(max(map(raw, places), key=len)):
        made.add(batch)
    return made


def raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.log")))


def batches(data: bytes) -> Iterator[Batch]:
    """Yield the batches; the last may still be on its way to the disk."""
    at = 0
    while at + HEAD.size <= len(data):
        offset, length, _, magic, crc, flags, _, _, at_ms, pid, epoch, _, count = HEAD.unpack_from(data, at)
        end = at + LENGTH_AT + length
        if magic != 2 or end > len(data):
            return
        yield Batch(offset, crc, flags, at_ms, pid, epoch, count, decompressed(data[at + HEAD.size : end], flags))
        at = end


def decompressed(payload: bytes, flags: int) -> bytes:
    match flags & CODEC:
        case 0:
            return payload
        case 1:
            return zlib.decompress(payload, wbits=47)
        case 3:
            return bytes(cramjam.lz4.decompress(payload))
    raise ValueError(f"codec {flags & CODEC} is none that the bench's clients use")


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a zigzag number and where it ends."""
    number = data[at]
    if number < 0x80:
        return number >> 1 ^ -(number & 1), at + 1
    number, shift = number & 0x7F, 7
    while True:
        at += 1
        byte = data[at]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number >> 1 ^ -(number & 1), at + 1
        shift += 7


def text(data: bytes, at: int) -> tuple[bytes | None, int]:
    size, at = varint(data, at)
    return (None, at) if size < 0 else (data[at : at + size], at + size)


def records(batch: Batch) -> Iterator[tuple[int, bytes | None, bytes | None, Headers]]:
    """Yield offset, key, value and headers of each record."""
    data, at = batch.payload, 0
    for _ in range(batch.count):
        size, at = varint(data, at)
        end = at + size
        _, at = varint(data, at + 1)
        delta, at = varint(data, at)
        key, at = text(data, at)
        value, at = text(data, at)
        yield batch.offset + delta, key, value, tuple(headers(data, at))
        at = end


def headers(data: bytes, at: int) -> Iterator[tuple[str, Any]]:
    number, at = varint(data, at)
    for _ in range(number):
        name, at = text(data, at)
        value, at = text(data, at)
        yield (name or b"").decode(), value
