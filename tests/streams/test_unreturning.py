"""A call of the client that never comes back ends the role, not the flow."""

import threading
import time

import pytest

from penstock.schemas.errors import RoleExit
from penstock.streams.unreturning import returning


def test_a_call_that_returns_is_as_if_it_were_made_here():
    made = []
    returning(lambda: made.append(1), 5, "here")
    assert made == [1]
    with pytest.raises(LookupError, match="no such thing"):
        returning(lambda: (_ for _ in ()).throw(LookupError("no such thing")).__next__(), 5, "here")


def test_a_call_that_does_not_return_ends_the_role():
    for_ever, started = threading.Event(), time.monotonic()
    try:
        with pytest.raises(RoleExit, match="send_offsets: a call of the Kafka client does not return"):
            returning(for_ever.wait, 0.2, "send_offsets")
    finally:
        for_ever.set()
    assert time.monotonic() - started < 5
