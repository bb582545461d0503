"""Connectors are found by entry point; the doubles behave as the port says."""

from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest
from generations import SCHEMA
from view_world import contract_of

from penstock.connectors import find as finding
from penstock.connectors.doubles import PAUSE, FaultySource, ListSource, Refused
from penstock.connectors.files.file_drop import file_source
from penstock.connectors.find import find
from penstock.schemas.errors import ConfigurationError, UnavailableError
from penstock.schemas.ports import Source
from penstock.schemas.reasons import Refusal

CONTRACT = contract_of(SCHEMA)


def offer(monkeypatch: pytest.MonkeyPatch, **places: str) -> None:
    points = [EntryPoint(name.rstrip("_"), place, finding.GROUP) for name, place in places.items()]
    monkeypatch.setattr(finding, "entry_points", lambda group: [point for point in points if point.group == group])


def test_the_file_connector_is_found_and_is_a_source(tmp_path: Any) -> None:
    factory = find("file")
    assert factory is file_source
    place: Any = SimpleNamespace(id="rows", root=tmp_path, path="inbox", format="csv", options={}, contract=CONTRACT)
    source: Source = factory(place)
    assert source.text


def test_a_file_source_judges_csv_headers_by_the_contract(tmp_path: Any) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.csv").write_bytes(b"id,at,person,other\ne,2026-01-01T00:00:00Z,p,x\n")
    place: Any = SimpleNamespace(id="rows", root=tmp_path, path="inbox", format="csv", options={}, contract=CONTRACT)
    source: Source = find("file")(place)
    source.open(None, lambda _: False)
    (record,) = next(source.batches(10))
    assert (record.refusal, record.place) == ("columns", "a.csv:line 1")
    place.options["columns"] = ["id", "at", "person", "other"]
    lenient: Source = find("file")(place)
    lenient.open(None, lambda _: False)
    (record,) = next(lenient.batches(10))
    assert record.value is not None


def test_a_file_source_without_a_path_is_refused(tmp_path: Any) -> None:
    place: Any = SimpleNamespace(id="rows", root=tmp_path, path=None, format="csv", options={}, contract=CONTRACT)
    with pytest.raises(ConfigurationError, match="needs a path"):
        file_source(place)


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"no connector of kind 'ledger'.*installed kinds are .*file"):
        find("ledger")


def test_a_foreign_package_is_found_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, memory="penstock.connectors.doubles:ListSource")
    assert find("memory") is ListSource


def test_two_packages_of_one_kind_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, memory="penstock.connectors.doubles:ListSource", memory_="other:Source")
    with pytest.raises(ConfigurationError, match="several packages"):
        find("memory")


@pytest.mark.parametrize("place", ["penstock_no_such_module:Source", "penstock.connectors.doubles:NoSuch"])
def test_a_kind_that_does_not_load_says_so(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    offer(monkeypatch, broken=place)
    with pytest.raises(ConfigurationError, match="'broken' does not load"):
        find("broken")


ITEMS = [{"n": 1}, {"n": 2}, PAUSE, Refused(Refusal.ENCODING, "why", b"raw"), {"n": 3}]


def take(source: Source, count: int, limit: int = 10) -> list[list[Any]]:
    batches = source.batches(limit)
    return [[record.value or record.refusal for record in next(batches)] for _ in range(count)]


def test_a_list_source_gives_its_items_and_resumes() -> None:
    source = ListSource(ITEMS, finishes="whole")
    source.open(None, lambda _: False)
    assert take(source, 3) == [[{"n": 1}, {"n": 2}], ["encoding", {"n": 3}], []]
    source.open({"item": 4}, lambda _: False)
    (record,) = next(source.batches(10))
    assert (record.value, record.finishes, record.place) == ({"n": 3}, "whole", "list:item 5")
    source.open(None, {"whole"}.__contains__)
    assert take(source, 1) == [[]]
    source.committed({"item": 5})
    assert source.commits == [{"item": 5}]
    source.stop()
    assert list(source.batches(1)) == []


def test_a_faulty_source_fails_where_it_was_told_to_and_only_there() -> None:
    inner = ListSource([{"n": 1}, {"n": 2}], text=True)
    source = FaultySource(inner, before={2: UnavailableError("gone")}, on_commit={1: UnavailableError("killed")})
    assert source.text
    source.open(None, lambda _: False)
    batches = source.batches(1)
    assert [record.value for record in next(batches)] == [{"n": 1}]
    with pytest.raises(UnavailableError, match="killed"):
        source.committed({"item": 1})
    assert inner.commits == [{"item": 1}]
    with pytest.raises(UnavailableError, match="gone"):
        next(batches)
    source.open(inner.commits[-1], lambda _: False)
    assert take(source, 1) == [[{"n": 2}]]
    source.stop()
    assert list(source.batches(1)) == []
