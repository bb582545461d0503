"""The garbage collector rests while a batch is done, and only then."""

import gc

import pytest

from penstock.streams.uncollected import uncollected


def fails_unwatched():
    with uncollected():
        raise LookupError(gc.isenabled())


def test_it_rests_and_goes_on_whatever_happens():
    assert gc.isenabled()
    with pytest.raises(LookupError, match="False"):
        fails_unwatched()
    assert gc.isenabled()


def test_who_turned_it_off_has_it_off():
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
