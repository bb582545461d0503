"""Avro object containers. A block is what a container vouches for: none of it goes on until all of it was walked."""

import hashlib
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from ...schemas.avro_decode import Malformed, decoder
from ...schemas.avro_tree import tree
from ...schemas.errors import DocumentError
from ...schemas.reasons import Refusal
from .avro_container import Block, BrokenContainerError, Container
from .avro_skip import skipper
from .rows import Row, too_large

_UNREADABLE = (Malformed, IndexError, struct.error, RecursionError)
_NO_RECORD = "not a record of the file's own schema"


def avro_rows(stream: BinaryIO, limit: int) -> Iterator[Row]:
    """Yield the rows. An unreadable remainder is one row, the last. An empty file has none."""
    container = Container(stream)
    if not container.left:
        return
    try:
        header = container.header()
        records = _Records(header.schema, limit)
        for block in container.blocks(header):
            yield from records.of(block)
    except BrokenContainerError as broken:
        yield _remainder(stream, container.start, str(broken))


def _remainder(stream: BinaryIO, start: int, why: str) -> Row:
    size = stream.seek(0, 2) - start
    stream.seek(start)
    digest = hashlib.sha256()
    while piece := stream.read(1 << 20):
        digest.update(piece)
    detail = f"{why}: unread from byte {start} on, sha256={digest.hexdigest()} bytes={size}"
    return Row(size, refusal=Refusal.AVRO, detail=detail, keep_file=True, sha256=digest.hexdigest())


class _Records:
    """Decodes the records of blocks under one writer schema, into the physical forms of `schemas.codec`."""

    def __init__(self, schema: Any, limit: int) -> None:
        self._limit = limit
        try:
            resolved = tree(schema)
            self._read = decoder(resolved, resolved.root)
        except DocumentError:
            raise BrokenContainerError("the writer's schema is not usable") from None
        if resolved.kind(resolved.root) != "record":
            raise BrokenContainerError("the writer's schema is not a record")
        self._skip = skipper(resolved)

    def of(self, block: Block) -> list[Row] | Iterator[Row]:
        """Return the block's rows. Raises BrokenContainerError, before the first, unless its records fill it."""
        if block.data is None:
            return [too_large(block.size, block.sha256)]
        # A record without a byte cannot hold an event id: such a count is a lie, and an endless one.
        if block.count > len(block.data):
            raise BrokenContainerError("a block claims more records than it has bytes")
        if len(block.data) <= self._limit and (rows := self._ordinary(block.data, block.count)) is not None:
            return rows
        return self._one_by_one(block.data, self._ends(block.data, block.count))

    def _ordinary(self, data: bytes, count: int) -> list[Row] | None:
        """Return all rows at once, or None: then somebody has to look closer."""
        rows, at = [], 0
        try:
            for _ in range(count):
                value, end = self._read(data, at)
                rows.append(Row(end - at, value))
                at = end
        except (*_UNREADABLE, UnicodeDecodeError):
            return None
        return rows if at == len(data) else None

    def _ends(self, data: bytes, count: int) -> list[int]:
        ends, at = [], 0
        try:
            for _ in range(count):
                at = self._skip(data, at)
                ends.append(at)
        except _UNREADABLE:
            raise BrokenContainerError("a record does not end inside its block") from None
        if at != len(data):
            raise BrokenContainerError("a block's records do not fill it")
        return ends

    def _one_by_one(self, data: bytes, ends: list[int]) -> Iterator[Row]:
        view, start = memoryview(data), 0
        for end in ends:
            raw = view[start:end]
            if len(raw) > self._limit:
                yield too_large(len(raw), hashlib.sha256(raw).hexdigest())
            else:
                yield self._one(bytes(raw))
            start = end

    def _one(self, raw: bytes) -> Row:
        try:
            value, end = self._read(raw, 0)
        except UnicodeDecodeError:
            return Row(len(raw), refusal=Refusal.ENCODING, detail="a text is not valid UTF-8", raw=raw)
        except _UNREADABLE:
            return Row(len(raw), refusal=Refusal.AVRO, detail=_NO_RECORD, raw=raw)
        if end != len(raw):
            return Row(len(raw), refusal=Refusal.AVRO, detail=_NO_RECORD, raw=raw)
        return Row(len(raw), value)
