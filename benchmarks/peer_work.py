"""What the Python peers make of an event, in the way that one writes it by hand: decode, change a dict, encode.

They know each subject's keys from a table that is filled before they start, draw noise from an ordinary generator,
share one ciphertext among W0's recipients, and keep no audit record where a framework gives no place for one: each
spares them something that the exchange does.
"""

import base64
import hmac
import json
import math
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from order import Order, View, payee_id

HEAD = 5
Made = tuple[str, bytes, bytes]
"""A record: topic, key, value."""


@dataclass(frozen=True, slots=True)
class PeerKey:
    """What is known of a subject for one agreement."""

    handle: bytes
    key: bytes
    pseudonym: str


def keyed(secret: bytes, *parts: str) -> bytes:
    return hmac.digest(secret, "\x1f".join(parts).encode(), "sha256")


def short(raw: bytes) -> str:
    return base64.b32encode(raw[:16]).decode().rstrip("=").lower()


def peer_key(secret: bytes, agreement: str, subject: str) -> PeerKey:
    """Return what belongs to a subject: `agreement` is W0's dataset where nobody is concerned."""
    return PeerKey(
        keyed(secret, "handle", agreement, subject)[:8],
        keyed(secret, "key", agreement, subject),
        short(keyed(secret, "pseudonym", agreement, subject)),
    )


def padded(value: bytes) -> bytes:
    """Return `value` in one of few sizes, so that its own does not show."""
    least = len(value) + 1
    grain = 16 if least <= 64 else 1 << max(4, least.bit_length() - 4)
    return (value + b"\x80").ljust(-(-least // grain) * grain, b"\x00")


def noised(value: int, rule: Mapping[str, Any]) -> int:
    low, high = rule["clamp"]
    scale = rule["sensitivity"] / rule["epsilon"]
    draw = random.random() - 0.5  # noqa: S311 - what a hand-written loop takes
    return round(min(max(value, low), high) - math.copysign(scale, draw) * math.log(1 - 2 * abs(draw)))


class PeerWork:
    """Called with a record's value and place, gives the records that follow from it."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._secret = bytes.fromhex(order.secret)
        self._schema = plain(order.schema)
        self._head = {view.agreement: b"\0" + view.schema_id.to_bytes(4, "big") for view in order.views}
        self._schemas = {view.agreement: plain(view.schema) for view in order.views}
        self._tables: dict[str, dict[str, PeerKey]] = {view.agreement: {} for view in order.views}
        self._shared = AESGCM(peer_key(self._secret, order.dataset, "").key)
        self._shared_handle = peer_key(self._secret, order.dataset, "").handle
        self._references: dict[str, bytes] = {}
        self._make: Callable[[bytes, str], list[Made]] = self._personal if order.subject else self._impersonal
        if order.subject:
            self._fill(order.warm)

    def __call__(self, value: bytes, place: str) -> list[Made]:
        return self._make(value, place)

    def _fill(self, warm: int) -> None:
        for number in range(warm):
            subject = payee_id(number)
            self._reference(subject)
            for agreement in self._tables:
                self._key(agreement, subject)

    def _key(self, agreement: str, subject: str) -> PeerKey:
        found = self._tables[agreement].get(subject)
        if found is None:
            found = self._tables[agreement][subject] = peer_key(self._secret, agreement, subject)
        return found

    def _reference(self, subject: str) -> bytes:
        found = self._references.get(subject)
        if found is None:
            found = self._references[subject] = keyed(self._secret, "subject", subject)[:16]
        return found

    def _personal(self, value: bytes, place: str) -> list[Made]:
        event = schemaless_reader(BytesIO(value[HEAD:]), self._schema, None)
        subject = event[self._order.subject]
        made, said = [], {}
        for view in self._order.views:
            if view.predicate and event[view.predicate[0]] != view.predicate[1]:
                said[view.agreement] = "predicate"
                continue
            made.append(self._view(view, event, self._key(view.agreement, subject)))
            said[view.agreement] = "released"
        made.append(self._disclosure(subject, place, said))
        return made

    def _view(self, view: View, event: Mapping[str, Any], key: PeerKey) -> Made:
        shown = short(keyed(key.key, event[self._order.event_id]))
        cipher = AESGCM(key.key)
        record = {}
        for name, rule in view.fields.items():
            match rule["do"]:
                case "pass":
                    record[name] = event[name]
                case "encrypt":
                    record[name] = sealed(cipher, key.handle, event[name], f"{view.agreement}|{name}|{shown}")
                case "noise":
                    record[name] = noised(event[name], rule)
                case "pseudonymise":
                    record[name] = shown if name == self._order.event_id else key.pseudonym
        return view.topic, key.pseudonym.encode(), self._encoded(view, record)

    def _disclosure(self, subject: str, place: str, said: Mapping[str, str]) -> Made:
        reference = self._reference(subject)
        told = {
            "kind": "disclosure",
            "subject": reference.hex(),
            "dataset": self._order.dataset,
            "source": place,
            "at_ms": time.time_ns() // 1_000_000,
            "generation": 1,
            "decisions": said,
        }
        return self._order.disclosures, reference, b"\x01" + json.dumps(told, separators=(",", ":")).encode()

    def _impersonal(self, value: bytes, _place: str) -> list[Made]:
        event = schemaless_reader(BytesIO(value[HEAD:]), self._schema, None)
        shown, key = event[self._order.event_id], event[self._order.record_key].encode()
        ciphertexts: dict[str, bytes] = {}
        made = []
        for view in self._order.views:
            record = {}
            for name, rule in view.fields.items():
                match rule["do"]:
                    case "pass":
                        record[name] = event[name]
                    case "noise":
                        record[name] = noised(event[name], rule)
                    case "encrypt":
                        if name not in ciphertexts:
                            bound = f"{self._order.dataset}|{name}|{shown}"
                            ciphertexts[name] = sealed(self._shared, self._shared_handle, event[name], bound)
                        record[name] = ciphertexts[name]
            made.append((view.topic, key, self._encoded(view, record)))
        return made

    def _encoded(self, view: View, record: Mapping[str, Any]) -> bytes:
        out = BytesIO()
        out.write(self._head[view.agreement])
        schemaless_writer(out, self._schemas[view.agreement], record)
        return out.getvalue()


def sealed(cipher: AESGCM, handle: bytes, text: str, bound: str) -> bytes:
    nonce = os.urandom(12)
    return b"\x01" + handle + nonce + cipher.encrypt(nonce, padded(text.encode()), bound.encode())


def plain(schema: dict[str, Any]) -> Any:
    """Return a schema as fastavro takes it, times as the numbers they are."""

    def bare(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: bare(one) for key, one in node.items() if key != "logicalType"}
        return [bare(one) for one in node] if isinstance(node, list) else node

    return parse_schema(bare(schema))
