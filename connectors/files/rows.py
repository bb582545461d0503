"""What a file format gives for each row of a file, and the bounded reading of lines that text formats share."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

from ...schemas.reasons import Refusal

PIECE_BYTES = 1 << 16
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its value, or why there is none. `size` is what it took in the file.

    `keep_file`: the row's bytes are nowhere but in the file, which therefore stays in `failed/`. `place` overrides
    "row n" where that would mislead (a header). `sha256`: the digest of `size` bytes of which nothing is in `raw`.
    """

    size: int
    value: Mapping[str, Any] | None = None
    refusal: Refusal | None = None
    detail: str = ""
    raw: bytes | None = None
    keep_file: bool = False
    place: str = ""
    sha256: str = ""


class Line(NamedTuple):
    """A record's bytes with its line end, or `raw` None and the digest where it is larger than the limit."""

    raw: bytes | None
    size: int
    sha256: str = ""
    open: bool = False  # the input ended inside it


Unclosed = Callable[[bytes], bool]


def whole_lines(_: bytes) -> bool:
    """Say that no line end is ever inside a record."""
    return False


def skip_bom(stream: BinaryIO) -> None:
    """Leave `stream`, which stands at its start, after a UTF-8 byte order mark if there is one."""
    if stream.read(len(BOM)) != BOM:
        stream.seek(0)


def lines(stream: BinaryIO, limit: int, unclosed: Unclosed = whole_lines) -> Iterator[Line]:
    """Yield the records of `stream`; holds at most `limit` bytes and one piece, however long a record is.

    `unclosed` is fed every piece in order and says whether its end lies inside a record that goes on (a quoted field).
    """
    held, size, digest, inside = bytearray(), 0, None, False
    while piece := stream.readline(PIECE_BYTES):
        inside = unclosed(piece)
        ends = piece.endswith(b"\n") and not inside
        if ends and not size and len(piece) <= limit:
            yield Line(piece, len(piece))  # nearly every line: in one piece, and nothing copied
            continue
        size += len(piece)
        if digest is not None:
            digest.update(piece)
        else:
            held += piece
            if size > limit:
                digest, held = hashlib.sha256(held), bytearray()
        if ends:
            yield _line(held, size, digest)
            held, size, digest = bytearray(), 0, None
    if size:
        yield _line(held, size, digest)._replace(open=inside)


def _line(held: bytearray, size: int, digest: Any) -> Line:
    return Line(None, size, digest.hexdigest()) if digest is not None else Line(bytes(held), size)


def too_large(size: int, sha256: str) -> Row:
    """Return the row of a record larger than the limit: digest, size and place are all that leaves the file."""
    detail = f"sha256={sha256} bytes={size}"
    return Row(size, refusal=Refusal.TOO_LARGE, detail=detail, keep_file=True, sha256=sha256)
