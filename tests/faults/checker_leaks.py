"""The search for canaries: in raw segments of every topic but the provider's own, in logs, pages and files.

A canary is every run of 16 or more hexadecimal digits that lies in the provider topic, dashes left out: the bench's
protected fields hold nothing else, and nothing that may go in clear looks like it. Half a canary is found too. Each
place is also searched through UTF-16, hexadecimal, base64 and zlib, and for the 16 bytes that a canary's text says.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import segments
from checker_findings import Findings
from checker_run import Run

HALF = 16
"""Hexadecimal digits of half a canary."""

CLEAR = re.compile(rb"[0-9A-Fa-f-]{16,}")
WIDE = re.compile(rb"(?:[0-9A-Fa-f-]\x00){16,}")
TWICE = re.compile(rb"(?:3[0-9]|[46][1-6]|2[Dd]){16,}")
"""Hexadecimal digits of the hexadecimal digits of a text."""

BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{22,}")
URL_SAFE = bytes.maketrans(b"-_", b"+/")
ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
WORD, STEP = 8, 4
MOST_INFLATED = 1 << 20
COPY = re.compile(r"copy[0-9]+\.")


class Canaries:
    """Canaries and where each came from."""

    def __init__(self, sources: Iterable[tuple[str, bytes]]) -> None:
        self._halves: dict[bytes, str] = {}
        self._words: set[int] = set()
        for place, data in sources:
            for match in CLEAR.finditer(data):
                self._take(place, match[0].replace(b"-", b"").lower())

    def _take(self, place: str, digits: bytes) -> None:
        for start in range(0, len(digits) - HALF + 1, HALF):
            self._halves.setdefault(digits[start : start + HALF], place)
        if len(digits) >= 2 * HALF:
            plain = bytes.fromhex(digits[: 2 * HALF].decode())
            self._words |= {int.from_bytes(plain[at : at + WORD], "little") for at in range(STEP)}

    def __len__(self) -> int:
        return len(self._halves)

    def found_in(self, data: bytes) -> str | None:
        """Return the input whose canary is in `data` in any form; None: no canary is."""
        for form in (data, *unwrapped(data)):
            found = self._digits_in(form)
            if found is not None:
                return found
        return "its 16 bytes" if self._bytes_in(data) else None

    def _digits_in(self, data: bytes) -> str | None:
        for match in CLEAR.finditer(data):
            digits = match[0].replace(b"-", b"").lower()
            for start in range(len(digits) - HALF + 1):
                found = self._halves.get(digits[start : start + HALF])
                if found is not None:
                    return found
        return None

    def _bytes_in(self, data: bytes) -> bool:
        """Say whether any canary's bytes are in `data`: read as words that begin at every fourth byte."""
        starts = range(0, WORD, STEP)
        whole = (memoryview(data)[start : start + (len(data) - start) // WORD * WORD] for start in starts)
        return any(not self._words.isdisjoint(part.cast("Q")) for part in whole)


def unwrapped(data: bytes) -> Iterator[bytes]:
    """Yield what `data` says in other forms."""
    yield b"\n".join(match[0].replace(b"\x00", b"") for match in WIDE.finditer(data))
    yield b"\n".join(bytes.fromhex(match[0].decode()) for match in TWICE.finditer(data))
    yield b"\n".join(decoded for match in BASE64.finditer(data) for decoded in from_base64(match[0]))
    yield b"\n".join(inflated(data))


def from_base64(text: bytes) -> Iterator[bytes]:
    """Yield what a text says that may begin at any of four letters."""
    letters = text.translate(URL_SAFE)
    for start in range(4):
        piece = letters[start : start + (len(letters) - start) // 4 * 4]
        yield base64.b64decode(piece)
        rest = letters[start + len(piece) :]
        if len(rest) > 1:
            yield binascii.a2b_base64(piece + rest + b"=" * (4 - len(rest)))


def inflated(data: bytes) -> Iterator[bytes]:
    for match in ZLIB.finditer(data):
        try:
            yield zlib.decompressobj(wbits=47).decompress(data[match.start() :], MOST_INFLATED)
        except zlib.error:
            continue


def canaries_of(run: Run) -> Canaries:
    return Canaries(
        (f"{partition}/{entry.offset}", (entry.key or b"") + b"\n" + (entry.value or b""))
        for partition, log in run.logs(run.topic).items()
        for entry in log.entries
    )


def search(run: Run, findings: Findings) -> None:
    canaries = canaries_of(run)
    assert len(canaries), "a run without canaries shows nothing"
    for name, data in [*in_segments(run), *in_files(run)]:
        found = canaries.found_in(data)
        if found is not None:
            findings.add("leaks", f"{name}: of input {found}")


def in_segments(run: Run) -> Iterator[tuple[str, bytes]]:
    """Yield the records of each partition, once each however many brokers have them."""
    for (topic, partition), folders in sorted(run.places.items()):
        if topic != run.topic and concerns(run, topic):
            yield f"{topic}/{partition}", b"\n".join(payloads(folders).values())


def concerns(run: Run, topic: str) -> bool:
    return topic.startswith(run.prefix) if run.prefix else not COPY.match(topic)


def payloads(folders: Iterable[Path]) -> Mapping[tuple[int, int], bytes]:
    return {
        (batch.offset, batch.crc): batch.payload
        for folder in folders
        for batch in segments.batches(segments.raw(folder))
    }


def in_files(run: Run) -> Iterator[tuple[str, bytes]]:
    """Yield logs, pages and the workers' own files, Kafka's data left out."""
    data = {(run.folder / one).resolve() for one in run.said["segments"]}
    for name in ("logs", "pages", f"{run.said['ecosystem']}/.penstock"):
        for path in sorted((run.folder / name).rglob("*")):
            if path.is_file() and not any(one in path.resolve().parents for one in data):
                yield str(path), path.read_bytes()
