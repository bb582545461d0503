"""How `ecosystem.yaml` says what a transaction may take."""

import pytest
from pydantic import ValidationError

from penstock.schemas.ecosystem import Ecosystem

PAGE = {"version": 1, "id": "city", "title": "A city"}


def test_without_a_word_there_is_a_bound_and_nothing_paranoid():
    manner = Ecosystem.model_validate(PAGE).exchange
    assert (manner.transaction_records, manner.paranoid) == (5_000, False)


def test_both_may_be_said():
    manner = Ecosystem.model_validate({**PAGE, "exchange": {"transaction_records": 750, "paranoid": True}}).exchange
    assert (manner.transaction_records, manner.paranoid) == (750, True)


@pytest.mark.parametrize("said", [{"transaction_records": 0}, {"transaction_records": 50_001}, {"records": 5}])
def test_what_is_out_of_bounds_or_unknown_is_refused(said):
    with pytest.raises(ValidationError):
        Ecosystem.model_validate({**PAGE, "exchange": said})


def test_a_back_end_may_be_named_and_none_is_by_default():
    assert Ecosystem.model_validate(PAGE).exchange.back_end is None
    for name in ("native", "python", "slow"):
        assert Ecosystem.model_validate({**PAGE, "exchange": {"back_end": name}}).exchange.back_end == name
    with pytest.raises(ValidationError):
        Ecosystem.model_validate({**PAGE, "exchange": {"back_end": "fastest"}})
