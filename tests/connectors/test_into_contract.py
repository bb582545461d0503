"""What the file source reads, the contract's converter takes: the same event from every format."""

from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest

from penstock.connectors.files.file_drop import FileDrop
from penstock.schemas.codec import Codec
from penstock.schemas.plain_json import to_avro

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Payment",
    "namespace": "example",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "cents", "type": ["null", "long"]},
        {"name": "paid", "type": {"type": "int", "logicalType": "date"}},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {
            "name": "payee",
            "type": {"type": "record", "name": "Payee", "fields": [{"name": "code", "type": "string"}]},
        },
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}
PLAIN = '{"id":"e-1","cents":7,"paid":"1970-01-04","amount":"12.50","payee":{"code":"õ"},"tags":["a","b"]}'
PHYSICAL = {"id": "e-1", "cents": 7, "paid": 3, "amount": b"\x04\xe2", "payee": {"code": "õ"}, "tags": ["a", "b"]}


def avro() -> bytes:
    out = BytesIO()
    bare = {
        **SCHEMA,
        "fields": [{"name": field["name"], "type": _physical(field["type"])} for field in SCHEMA["fields"]],
    }
    fastavro.writer(out, bare, [PHYSICAL])
    return out.getvalue()


def _physical(schema: Any) -> Any:
    return schema["type"] if isinstance(schema, dict) and "logicalType" in schema else schema


FILES = {
    "ndjson": PLAIN.encode(),
    "csv": 'id,cents,paid,amount,payee.code,tags\r\ne-1,7,1970-01-04,12.50,õ,"[""a"",""b""]"\r\n'.encode(),
    "avro": avro(),
}


@pytest.mark.parametrize("fmt", sorted(FILES))
def test_every_format_gives_the_same_event(tmp_path: Path, fmt: str) -> None:
    (tmp_path / f"a.{fmt}").write_bytes(FILES[fmt])
    source = FileDrop(tmp_path, fmt, {})
    source.open(None, lambda _: False)
    (record,) = next(source.batches(10))
    assert record.value is not None
    event = to_avro(SCHEMA, text=source.text)(record.value)
    assert event == PHYSICAL
    assert Codec(SCHEMA).decode(Codec(SCHEMA).encode(event)) == PHYSICAL
