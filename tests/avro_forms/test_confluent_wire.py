import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.schemas.confluent_wire import frame, unframe
from penstock.schemas.errors import RecordError


@given(st.integers(0, 2**31 - 1), st.binary())
def test_what_was_framed_comes_out(schema_id, payload):
    assert unframe(frame(schema_id, payload)) == (schema_id, payload)


@pytest.mark.parametrize(
    "data", [None, b"", b"\x00", b"\x00\x00\x00\x00", b"\x01\x00\x00\x00\x01x", b"\x00\x80\x00\x00\x00x"]
)
def test_what_is_no_frame_is_refused(data):
    with pytest.raises(RecordError) as caught:
        unframe(data)
    assert caught.value.reason == "framing"
