"""The framing of an Avro object container file, read so that no length in it is believed.

fastavro reads containers too, but allocates what a block claims, and gives up a file without saying where.
"""

import bz2
import hashlib
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

MAGIC = b"Obj\x01"
SYNC_BYTES = 16
HEADER_BYTES = 1 << 20  # of the header's entries: a schema is far smaller
BLOCK_BYTES = 64 << 20  # of a block, packed or unpacked


class BrokenContainerError(Exception):
    """From a container's `start` on the file is no Avro; the message says why and holds nothing of the file."""


@dataclass(frozen=True, slots=True)
class Header:
    """The writer's schema as parsed JSON, how blocks are packed, and the marker that ends each of them."""

    schema: Any
    codec: str
    sync: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """`count` records in `data`; `data` None: larger than a block may be, packed or not."""

    count: int
    data: bytes | None
    size: int
    sha256: str = ""


class Container:
    """Reads one container from a seekable stream. `start` is where the part that is being read begins."""

    def __init__(self, stream: BinaryIO) -> None:
        self.start = 0
        self._stream = stream
        self._end = stream.seek(0, 2)
        stream.seek(0)

    @property
    def left(self) -> int:
        return self._end - self._stream.tell()

    def header(self) -> Header:
        """Return the header. Raises BrokenContainerError."""
        if self._stream.read(len(MAGIC)) != MAGIC:
            raise BrokenContainerError("not an Avro container")
        entries = self._entries()
        codec = entries.get("avro.codec", b"null").decode("ascii", "replace")
        if codec not in CODECS:
            raise BrokenContainerError(f"packed by a codec other than {', '.join(CODECS)}")
        try:
            schema = json.loads(entries["avro.schema"])
        except (KeyError, ValueError, RecursionError):
            raise BrokenContainerError("the header holds no schema") from None
        return Header(schema, codec, self._take(SYNC_BYTES))

    def blocks(self, header: Header) -> Iterator[Block]:
        """Yield the blocks after the header. Raises BrokenContainerError where they end before the file does."""
        while self.left:
            self.start = self._stream.tell()
            count, size = self._long(), self._long()
            if count < 0 or not 0 <= size <= self.left - SYNC_BYTES:
                raise BrokenContainerError("a block claims more than the file holds")
            block = self._block(count, size, CODECS[header.codec])
            if self._take(SYNC_BYTES) != header.sync:
                raise BrokenContainerError("a block does not end in the file's sync marker")
            yield block

    def _block(self, count: int, size: int, unpack: Callable[[bytes], bytes | None]) -> Block:
        if size > BLOCK_BYTES:
            return Block(count, None, size, self._digest(size))
        packed = self._take(size)
        try:
            data = unpack(packed)
        except Exception:  # noqa: BLE001 - each codec has errors of its own; all mean the same
            raise BrokenContainerError("a block cannot be unpacked") from None
        return Block(count, data, size, "" if data is not None else hashlib.sha256(packed).hexdigest())

    def _digest(self, size: int) -> str:
        digest = hashlib.sha256()
        while size:
            piece = self._take(min(size, 1 << 20))
            digest.update(piece)
            size -= len(piece)
        return digest.hexdigest()

    def _entries(self) -> dict[str, bytes]:
        entries: dict[str, bytes] = {}
        while count := self._long():
            if count < 0:  # then the block's size in bytes follows, of no use here
                count, _ = -count, self._long()
            for _ in range(count):
                name = self._bytes().decode("utf-8", "replace")
                entries[name] = self._bytes()
                if self._stream.tell() > HEADER_BYTES:
                    raise BrokenContainerError("the header is larger than 1 MiB")
        return entries

    def _bytes(self) -> bytes:
        size = self._long()
        if not 0 <= size <= HEADER_BYTES:
            raise BrokenContainerError("a length in the header is out of range")
        return self._take(size)

    def _take(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) != size:
            raise BrokenContainerError("the file ends too early")
        return data

    def _long(self) -> int:
        raw = shift = 0
        while shift < 70:
            byte = self._take(1)[0]
            raw |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (raw >> 1) ^ -(raw & 1)
        raise BrokenContainerError("a number longer than ten bytes")


def _bounded(data: bytes) -> bytes | None:
    return data if len(data) <= BLOCK_BYTES else None


def _whole(decompressor: Any, packed: bytes) -> bytes | None:
    data: bytes = decompressor.decompress(packed, BLOCK_BYTES + 1)
    if len(data) <= BLOCK_BYTES and not decompressor.eof:
        raise ValueError("ends too early")
    return _bounded(data)


def _snappy(packed: bytes) -> bytes | None:
    from cramjam import snappy

    body, checksum = packed[:-4], int.from_bytes(packed[-4:], "big")
    if snappy.decompress_raw_len(body) > BLOCK_BYTES:
        return None
    data = bytes(snappy.decompress_raw(body))
    if zlib.crc32(data) != checksum:
        raise ValueError("checksum")
    return data


CODECS: dict[str, Callable[[bytes], bytes | None]] = {
    "null": _bounded,
    "deflate": lambda packed: _whole(zlib.decompressobj(-zlib.MAX_WBITS), packed),
    "bzip2": lambda packed: _whole(bz2.BZ2Decompressor(), packed),
    "xz": lambda packed: _whole(lzma.LZMADecompressor(memlimit=256 << 20), packed),
    "snappy": _snappy,
}
