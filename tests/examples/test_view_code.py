"""`penstock view show --code` says which back end makes a view, and the plan that it runs."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import resign

from penstock.ops import explaining
from penstock.ops.documents.load import Documents, load
from penstock.ops.explaining import view_code
from penstock.schemas.ecosystem import BackEnd

EXAMPLES = {path.parent: load(path.parent) for path in sorted(resign.EXAMPLES.glob("*/ecosystem.yaml"))}
every_example = pytest.mark.parametrize("documents", EXAMPLES.values(), ids=[Path(path).name for path in EXAMPLES])


def first_lines(documents: Documents) -> Counter[str]:
    return Counter(view_code(documents, one).splitlines()[0] for one in documents.agreements.values())


def named(documents: Documents, back_end: BackEnd | None) -> Documents:
    exchange = documents.ecosystem.exchange.model_copy(update={"back_end": back_end})
    return replace(documents, ecosystem=documents.ecosystem.model_copy(update={"exchange": exchange}))


@every_example
def test_the_back_end_that_is_named_is_said(documents: Documents) -> None:
    assert set(first_lines(named(documents, "python"))) == {"back end: python"}


@every_example
def test_most_views_of_the_examples_are_for_the_compiled_one(documents: Documents, monkeypatch) -> None:
    monkeypatch.setattr(explaining, "back_end", lambda _: "native")
    found = first_lines(named(documents, None))
    assert found["back end: native"] > found["back end: python"]
