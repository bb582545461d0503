"""A source of format `auto` under the publisher: each file's values are read as its own format says."""

from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from penstock.connectors.file_drop import FileDrop
from penstock.streams import publisher as publishing
from penstock.streams.publisher import Feed, Publisher


def test_the_publisher_asks_with_every_batch_whether_it_is_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.ndjson").write_bytes(b'{"id":1}\n')
    (tmp_path / "b.csv").write_bytes(b"id\n2\n")
    (tmp_path / "c.ndjson").write_bytes(b'{"id":3}\n')
    contract = SimpleNamespace(schema={})
    generation = SimpleNamespace(contracts={"d": SimpleNamespace(contract=contract, writers={1: {}})})
    control = SimpleNamespace(wait_for=lambda *_: True, in_force=lambda: generation, poll=lambda: None)
    nothing = SimpleNamespace(position=None, finished=lambda _: False, init=lambda: None)
    monkeypatch.setattr(publishing, "ControlReader", lambda _: control)
    monkeypatch.setattr(publishing, "TransactionalProducer", lambda *_: nothing)
    monkeypatch.setattr(publishing, "SourcePositions", lambda *_: nothing)
    monkeypatch.setattr(publishing, "QuarantineSealer", lambda *_: None)
    monkeypatch.setattr(publishing, "Intake", lambda *_, text, **__: text)
    source = FileDrop(tmp_path, "auto", {})
    published: list[Any] = []

    def publish(_self: Publisher, batch: Any, text: bool, stop: Event) -> None:  # noqa: FBT001 - as it is called
        published.append((batch[0].value, text))
        source.committed(batch[-1].position)
        if len(published) == 3:
            stop.set()

    monkeypatch.setattr(Publisher, "_publish", publish)
    bench: Any = SimpleNamespace(
        cluster=None,
        keys=SimpleNamespace(reference_secret=lambda: b""),
        observer=SimpleNamespace(state=lambda *_: None),
    )
    Publisher(Feed("e", "s", "d", source), bench).run(Event())
    assert published == [({"id": 1}, False), ({"id": "2"}, True), ({"id": 3}, False)]
