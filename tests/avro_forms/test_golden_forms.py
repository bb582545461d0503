"""Forms that others hold us to, byte for byte. A file in tests/golden/ is never edited once released."""

import json
import pathlib

from pydantic import TypeAdapter

from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import frame, unframe
from penstock.schemas.safeguard import Safeguard
from penstock.schemas.view_schema import derive_view

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
parse = TypeAdapter(Safeguard).validate_python


def golden(name):
    return json.loads((GOLDEN / name).read_text())


def test_the_view_of_the_golden_schema():
    """Property order counts too: another text would be another schema to a registry that compares texts."""
    held = golden("view_schema_1.json")
    safeguards = {path: parse(by) for path, by in held["safeguards"].items()}
    assert json.dumps(derive_view(held["schema"], safeguards, "ee-fi")) == json.dumps(held["view"])


def test_the_golden_record():
    held = golden("confluent_frame_0.json")
    framed = bytes.fromhex(held["framed"])
    codec = Codec(held["schema"])
    assert frame(held["schema_id"], codec.encode(held["event"])) == framed
    schema_id, payload = unframe(framed)
    assert (schema_id, codec.decode(payload)) == (held["schema_id"], held["event"])
