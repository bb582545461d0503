"""Avro values between bytes and Python, strictly: one whole value, exactly of its type, or a RecordError."""

import struct
from io import BytesIO
from typing import Any

import fastavro

from .avro_decode import Malformed, decoder
from .avro_encode import Unfit, encoder
from .avro_tree import emit, tree
from .errors import RecordError
from .reasons import Refusal


class Codec:
    """Reads and writes one type in its physical form: a date is an int, a decimal bytes, a uuid text or fixed bytes.

    Values: None, bool, int, float, bytes, str (enums too), list, dict; of a union where the Python type does not tell
    the branch, the pair (full name or type, value): see `avro_union`. Decoding then encoding gives the same bytes for
    data that a usual writer made (arrays and maps in one block, shortest integers). Safe to share between threads.
    Raises DocumentError for an invalid schema, or one whose array items take no bytes.
    """

    def __init__(self, schema: Any) -> None:
        resolved = tree(schema)
        self._read = decoder(resolved, resolved.root)
        self._write = encoder(resolved, resolved.root)

    def decode(self, data: bytes) -> Any:
        """Return the one value that `data` is, whole. Raises RecordError (`avro`) for anything else."""
        try:
            value, end = self._read(data, 0)
        except (Malformed, IndexError, struct.error, UnicodeDecodeError, RecursionError):
            # From None: the cause could quote what it could not read.
            raise RecordError(Refusal.AVRO, "the bytes are no value of the writer schema") from None
        if end != len(data):
            raise RecordError(Refusal.AVRO, "bytes are left over after the value")
        return value

    def encode(self, value: Any) -> bytes:
        """Return the bytes of `value`. Raises RecordError (`type`), naming the field, when it is not of the type."""
        out = bytearray()
        try:
            self._write(out, value)
        except Unfit as unfit:
            field = ".".join(reversed(unfit.path)).replace(".[]", "[]").replace(".{}", "{}")
            message = f"field `{field}` wants {unfit.wanted}" if field else f"the value is not {unfit.wanted}"
        except RecursionError:
            message = "the value is nested too deeply"
        else:
            return bytes(out)
        # Outside the handler, so that nothing of the value hangs on to the error.
        raise RecordError(Refusal.TYPE, message)


class LogicalCodec:
    """Reads one type with its logical types: date, datetime, Decimal, UUID, as fastavro makes them. For recipients.

    Of a union of several named types a pair (full name, value) comes back. As strict about the bytes as `Codec`.
    """

    def __init__(self, schema: Any) -> None:
        resolved = tree(schema)
        self._strict = Codec(schema)
        self._schema = fastavro.parse_schema(emit(resolved, resolved.root))

    def decode(self, data: bytes) -> Any:
        """Return the one value that `data` is. Raises RecordError (`avro`), also for a date out of Python's range."""
        self._strict.decode(data)
        try:
            return fastavro.schemaless_reader(
                BytesIO(data), self._schema, None, return_named_type=True, return_named_type_override=True
            )
        except Exception:  # noqa: BLE001 - fastavro's converters raise whatever the value provokes
            raise RecordError(Refusal.AVRO, "a value is outside what its logical type can mean") from None
