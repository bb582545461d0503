"""Receipts of requests: their form in the store, and finding them again by idempotency key for 24 hours.

A request of more records than a batch holds is published in parts. Each part that is not the last leaves a receipt of
its own, so that a sender who has to ask again resumes there and nothing is published twice.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...schemas.ports import Receipt, Receipts, Verdict
from .problem import JSON, Answer, Problem

VERSION = 1
KEPT_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Part:
    """What became of `records` records of a request from its record `first` on. `quarantined`: indexes and reasons."""

    first: int
    records: int
    accepted: int
    duplicates: int
    quarantined: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, first: int, verdicts: Sequence[Verdict]) -> "Part":
        outcomes = [one.outcome for one in verdicts]
        refused = ((first + at, one.reason) for at, one in enumerate(verdicts) if one.outcome == "quarantined")
        return cls(first, len(verdicts), outcomes.count("published"), outcomes.count("duplicate"), tuple(refused))


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a request with a key: its answer, or the parts of it that are published."""

    answer: Answer | None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Keyed:
    """What makes a request the same as another: digests of its sender and key, and of its body."""

    key: bytes
    body: bytes


def keyed(member: str, key: str, form: str, body: bytes) -> Keyed:
    """Return the digests: keys are each member's own, and the same body read in another form is another body."""
    return Keyed(_digest(b"key", member.encode(), key.encode()), _digest(b"body", form.encode(), body))


def final(receipt: str, received_at: str, parts: Sequence[Part], *, single: bool) -> Answer:
    """Return the answer to a request: 422 for a single event that went to quarantine, else 202."""
    refused = [{"index": index, "reason": reason} for part in parts for index, reason in part.quarantined]
    said = {
        "receipt": receipt,
        "accepted": sum(part.accepted for part in parts),
        "duplicates": sum(part.duplicates for part in parts),
        "quarantined": refused,
        "received_at": received_at,
    }
    return Answer(422 if single and refused else 202, said, JSON)


def final_body(answer: Answer) -> str:
    """Return the stored form of a whole request's answer."""
    return _json({"version": VERSION, "status": answer.status, "answer": answer.said})


def part_body(part: Part) -> str:
    """Return the stored form of a part."""
    return _json({"version": VERSION, "part": asdict(part)})


def part_key(key: bytes, first: int) -> bytes:
    """Return the digest under which the part from record `first` on is kept."""
    return _digest(b"part", key, first.to_bytes(8, "big"))


class KeptReceipts:
    """One source's receipts, as far as they count. Asks the store: not to be called on the event loop."""

    def __init__(self, source: str, receipts: Receipts) -> None:
        self._source = source
        self._receipts = receipts

    def find(self, request: Keyed, committed: int, now_ms: int) -> Found:
        """Return what is known of `request`. Raises Problem when its key came with another body."""
        kept = self._valid(request.key, request, committed, now_ms)
        if kept is not None:
            return Found(Answer(int(kept["status"]), kept["answer"], JSON, {"idempotency-replayed": "true"}))
        parts: list[Part] = []
        while said := self._part(sum(part.records for part in parts), request, committed, now_ms):
            parts.append(said)
        return Found(None, tuple(parts))

    def _part(self, first: int, request: Keyed, committed: int, now_ms: int) -> Part | None:
        kept = self._valid(part_key(request.key, first), request, committed, now_ms)
        if kept is None:
            return None
        said = kept["part"]
        refused = tuple((int(index), str(reason)) for index, reason in said["quarantined"])
        return Part(said["first"], said["records"], said["accepted"], said["duplicates"], refused)

    def _valid(self, digest: bytes, request: Keyed, committed: int, now_ms: int) -> Mapping[str, Any] | None:
        kept = self._receipts.find(self._source, digest)
        if kept is None or kept.sequence > committed or kept.at_ms < now_ms - KEPT_MS:
            return None
        if kept.body_digest != request.body:
            raise Problem(422, "key_reused", "another body came with this Idempotency-Key")
        said: dict[str, Any] = json.loads(kept.body)
        return said if said.get("version") == VERSION else None

    def keep(self, receipts: Sequence[Receipt]) -> None:
        self._receipts.keep(self._source, receipts)

    def forget_after(self, sequence: int) -> None:
        self._receipts.forget_after(self._source, sequence)


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.sha256(b"penstock.receipt")
    for part in parts:
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()


def _json(said: Mapping[str, Any]) -> str:
    return json.dumps(said, sort_keys=True, separators=(",", ":"))
