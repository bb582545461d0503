"""Store and Kafka of one time: an older copy of either is known, and the other is named as what to keep."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from generations import generation_of

from penstock.ops.abreast import require_abreast
from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.progress import GENERATION, Progress
from penstock.schemas.errors import ConfigurationError
from penstock.schemas.generation import content_digest, from_record, to_record


@pytest.fixture
def wiring(tmp_path):
    """All of a wiring that is asked: the progress of a store, which was counted on twice."""
    progress = Progress(open_sqlite(tmp_path / "store.db"))
    assert [progress.step(), progress.step()] == [1, 2]
    return SimpleNamespace(progress=lambda: progress)


def in_force(number, store):
    return replace(generation_of(number), store=store)


def test_both_of_one_time_are_let_through_and_what_is_in_force_is_noted(wiring):
    require_abreast(wiring, in_force(7, store=2))
    require_abreast(wiring, in_force(7, store=2))
    assert wiring.progress().held()[GENERATION] == 7


def test_a_generation_that_knows_of_no_store_asks_for_none(wiring):
    require_abreast(wiring, in_force(7, store=0))


def test_an_older_copy_of_the_store_is_refused(wiring):
    with pytest.raises(ConfigurationError, match="the store is an older copy") as refused:
        require_abreast(wiring, in_force(7, store=3))
    assert "penstock erasure replay" in refused.value.remedy
    assert GENERATION not in wiring.progress().held()


def test_an_older_copy_of_kafka_is_refused(wiring):
    require_abreast(wiring, in_force(7, store=2))
    with pytest.raises(ConfigurationError, match="Kafka is an older copy") as refused:
        require_abreast(wiring, in_force(6, store=1))
    assert refused.value.remedy == "restore Kafka's newest copy"


def test_a_generation_carries_how_far_the_store_had_come_and_says_the_same_without_it():
    one = in_force(7, store=5)
    assert from_record(to_record(one)) == one
    assert content_digest(one) == content_digest(in_force(7, store=0))
    assert "store" not in to_record(in_force(7, store=0))
