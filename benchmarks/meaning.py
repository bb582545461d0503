"""Do two engines' outputs mean the same? Opened and typed, against what the slow path makes of the same events.

Compared by the instant of payment, which no two events share: what passes and what opens must be equal; noise may
differ, within its range; pseudonyms must be one for one. Differences are told by place, never by value.
"""

import math
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, TopicPartition
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from engines import Engine, Settings
from order import Order, View
from peer_work import PeerKey, peer_key
from running import Running
from stand import Stand
from workloads import Payment

from penstock.ops.clock import now_ms
from penstock.processors.open_view import OpenProgram
from penstock.processors.outcome import Input
from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import unframe
from penstock.schemas.ports import KeyStore
from penstock.streams.settings import Cluster
from penstock.streams.topics import DISCLOSURES

INSTANT = "paid_at"
FAR = 40
"""A draw of noise beyond so many scales comes once in 10^17."""
HEAD, NONCE = 9, 21
PATIENCE_S = 20.0

Row = dict[str, Any]
Record = tuple[bytes | None, bytes]


class Opener(Protocol):
    """Opens the encrypted fields of a view's record."""

    def open(self, view: View, record: Row) -> Row: ...


@dataclass(frozen=True, slots=True)
class ByKeyStore:
    """Opens what the exchange encrypted."""

    keys: KeyStore

    def open(self, view: View, record: Row) -> Row:
        program = OpenProgram(view.schema)
        return program.open(record, self.keys.open_keys(view.agreement, program.handles(record)))


class ByTable:
    """Opens what a peer encrypted."""

    def __init__(self, order: Order, payees: Iterable[str]) -> None:
        self._order = order
        secret = bytes.fromhex(order.secret)
        names = sorted(set(payees))
        self._keys: dict[str, dict[bytes, PeerKey]] = {}
        for view in order.views:
            scope, whose = (view.agreement, names) if order.subject else (order.dataset, [""])
            found = [peer_key(secret, scope, name) for name in whose]
            self._keys[view.agreement] = {one.handle: one for one in found}

    def open(self, view: View, record: Row) -> Row:
        scope = view.agreement if self._order.subject else self._order.dataset
        shown = record[self._order.event_id]
        opened = dict(record)
        for name, rule in view.fields.items():
            if rule["do"] == "encrypt":
                opened[name] = self._text(view, record[name], f"{scope}|{name}|{shown}")
        return opened

    def _text(self, view: View, sealed: bytes, bound: str) -> str:
        key = self._keys[view.agreement][sealed[1:HEAD]]
        padded = AESGCM(key.key).decrypt(sealed[HEAD:NONCE], sealed[NONCE:], bound.encode())
        return padded.rstrip(b"\0")[:-1].decode()


Meaning = dict[str, dict[int, tuple[bytes | None, Row]]]
"""By agreement and instant: record key and opened record."""


def expected(stand: Stand, events: Iterable[Payment]) -> Meaning:
    """Return what the slow path makes of the events."""
    inputs = [Input(number % stand.workload.partitions, number, one.value) for number, one in enumerate(events)]
    found: dict[str, list[Record]] = {view.topic: [] for view in stand.order.views}
    for lane in stand.lanes:
        for out in stand.program(lane).process(inputs, now_ms(), {}, os.urandom).outputs:
            found[out.topic].append((out.key, out.value))
    return meaning(stand.order, found, ByKeyStore(stand.keys))


def meaning(order: Order, records: Mapping[str, Iterable[Record]], opener: Opener) -> Meaning:
    found: Meaning = {}
    for view in order.views:
        codec = Codec(view.schema)
        rows = found[view.agreement] = {}
        for key, value in records[view.topic]:
            row = opener.open(view, codec.decode(unframe(value)[1]))
            if row[INSTANT] in rows:
                raise ValueError(f"{view.agreement}: an event's view came twice")
            rows[row[INSTANT]] = key, row
    return found


def differences(order: Order, wanted: Meaning, found: Meaning, events: Mapping[int, Row]) -> list[str]:
    """Return in words where `found` does not mean what is `wanted`; `events` are the originals by instant."""
    return [line for view in order.views for line in _of_view(order, view, wanted, found, events)]


def _of_view(order: Order, view: View, wanted: Meaning, found: Meaning, events: Mapping[int, Row]) -> Iterator[str]:
    want, have = wanted[view.agreement], found[view.agreement]
    if want.keys() != have.keys():
        yield f"{view.agreement}: {len(want.keys() - have.keys())} missing, {len(have.keys() - want.keys())} too many"
        return
    wrong: Counter[str] = Counter()
    for instant, (key, row) in have.items():
        wrong.update(_wrong(view, want[instant][1], row))
        wrong["record key"] += key != str(row[order.record_key]).encode()
    for name, rule in view.fields.items():
        rows = [(instant, row[name]) for instant, (_, row) in have.items()]
        if rule["do"] == "pseudonymise":
            wrong[f"{name}, not one for one"] += not one_for_one((events[at][name], shown) for at, shown in rows)
        if rule["do"] == "noise":
            drawn = [noisy - events[at][name] for at, noisy in rows]
            wrong[f"{name}, without noise"] += len(drawn) > 10 and len(set(drawn)) < len(drawn) // 10
    yield from (f"{view.agreement}: {what} in {count}" for what, count in wrong.items() if count)


def _wrong(view: View, want: Row, row: Row) -> Iterator[str]:
    if row.keys() != want.keys():
        yield "other fields"
        return
    for name, rule in view.fields.items():
        if rule["do"] in {"pass", "encrypt"} and row[name] != want[name]:
            yield name
        if rule["do"] == "noise" and not plausible(row[name], rule):
            yield f"{name}, beyond its noise"
        if rule["do"] == "pseudonymise" and (not isinstance(row[name], str) or len(row[name]) != 26):
            yield f"{name}, no pseudonym"


def plausible(value: float, rule: Mapping[str, Any]) -> bool:
    low, high = rule["clamp"]
    far = FAR * rule["sensitivity"] / rule["epsilon"]
    return math.isfinite(value) and low - far <= value <= high + far


def one_for_one(pairs: Iterable[tuple[str, str]]) -> bool:
    seen = set(pairs)
    return len(seen) == len({whose for whose, _ in seen}) == len({shown for _, shown in seen})


def compared(stand: Stand, engine: Engine, settings: Settings, events: list[Payment], workers: int = 1) -> list[str]:
    """Let an engine do the stand's events; return where its output means something else than the slow path's."""
    order = stand.order
    topics = [*(view.topic for view in order.views), DISCLOSURES]
    begins = {topic: ends(stand.cluster, topic) for topic in topics}
    with Running(stand, engine, settings, workers) as running:
        running.wait(stand.events, 120.0)
    records = {topic: list(read(stand.cluster, topic, begins[topic])) for topic in topics}
    originals = {int(row[INSTANT]): row for row in decoded(stand, events)}
    own = engine.name in {"penstock", "penstock_native", "slow_path"}
    opener: Opener = ByKeyStore(stand.keys) if own else ByTable(order, [one.payee for one in events])
    try:
        found = meaning(order, records, opener)
    except (ValueError, KeyError, InvalidTag) as failure:
        return [f"a record does not open: {type(failure).__name__}"]
    told = len(records[DISCLOSURES])
    owed = len(events) if order.subject else 0
    disclosed = [] if told == owed else [f"{told} disclosure records instead of {owed}"]
    return [*differences(order, expected(stand, events), found, originals), *disclosed]


def decoded(stand: Stand, events: Iterable[Payment]) -> Iterator[Row]:
    codec = Codec(stand.workload.in_force.contract.schema)
    return (codec.decode(unframe(one.value)[1]) for one in events)


def ends(cluster: Cluster, topic: str) -> dict[int, int]:
    """Return where each partition of a topic ends now."""
    consumer = Consumer(cluster.reader())
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    found = {one: consumer.get_watermark_offsets(TopicPartition(topic, one), 10)[1] for one in partitions}
    consumer.close()
    return found


def read(cluster: Cluster, topic: str, begins: Mapping[int, int]) -> Iterator[Record]:
    """Yield what is committed from `begins` to the end."""
    consumer = Consumer(cluster.reader())
    consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in begins.items()])
    left, until = set(begins), time.monotonic() + PATIENCE_S
    while left:
        messages = consumer.consume(1_000, 0.1)
        if time.monotonic() > until:
            raise TimeoutError(f"{topic} cannot be read to its end")
        for message in messages:
            error = message.error()
            if error is None:
                yield message.key(), message.value() or b""
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's own name for it
                left.discard(message.partition())
    consumer.close()
