"""Connectors under the real publisher and Kafka: the tutorial's own, and files whose format each name tells."""

import contextlib
import re
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from generations import AT_MS, SCHEMA, generation_of

from penstock.connectors.files.file_drop import FileDrop
from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.ops.store.memory import MemoryKeyStore
from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import unframe
from penstock.streams import control as control_module
from penstock.streams import publisher as publisher_module
from penstock.streams import sources as sources_module
from penstock.streams.control import ControlWriter
from penstock.streams.publisher import Bench, Feed, Publisher
from penstock.streams.reader import TopicReader
from penstock.streams.settings import Cluster
from penstock.streams.topics import TopicSpec, ensure, quarantine_topic

PAGE = Path(__file__).resolve().parents[2] / "docs" / "connectors.md"
AT = "2026-06-01T00:00:00Z"


class Deaf:
    """Listens to nothing."""

    def __getattr__(self, _):
        return lambda *_: None


class Publishing:
    """A dataset in force, and publishers of one source, one after the other."""

    def __init__(self, bootstrap: str) -> None:
        self.cluster, self.dataset = Cluster(bootstrap), f"permits-{uuid.uuid4().hex[:8]}"
        self.topic = f"ee.{self.dataset}.v1"
        ensure(self.cluster, [TopicSpec(self.topic, 3), TopicSpec(quarantine_topic(self.dataset), 1)])
        with contextlib.closing(ControlWriter(self.cluster, self.dataset)) as writer:
            writer.write(generation_of(dataset=self.dataset))

    @contextlib.contextmanager
    def running(self, source: Any) -> Iterator[None]:
        feed = Feed(self.dataset, "permits", self.dataset, source)
        publisher = Publisher(feed, Bench(self.cluster, MemoryKeyStore(), Deaf(), lambda: AT_MS))
        stop = threading.Event()
        thread = threading.Thread(target=publisher.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(20)
            publisher.close()
            assert not thread.is_alive()

    def published(self) -> list[str]:
        codec = Codec(SCHEMA)
        with contextlib.closing(TopicReader(self.cluster, self.topic)) as reader:
            return sorted(codec.decode(unframe(one.value)[1])["id"] for one in reader.to_end() if one.value)


@pytest.fixture
def publishing(kafka: EmbeddedBroker, hands: Any, monkeypatch: pytest.MonkeyPatch) -> Publishing:
    for module, name in ((control_module, "CONTROL"), (publisher_module, "AUDIT"), (sources_module, "SOURCES")):
        monkeypatch.setattr(module, name, hands.topic())
    return Publishing(kafka.bootstrap)


def tutorial() -> Any:
    """The connector of docs/connectors.md, as a reader types it."""
    programs = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(next(one for one in programs if "class Table" in one), names)  # noqa: S102 - our own page
    return names["Table"]


def insert(path: Path, *ids: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS permits (id TEXT, at TEXT, person TEXT, amount INTEGER)")
        rows = [(one, AT, "p", 1) for one in ids]
        database.executemany("INSERT INTO permits (id, at, person, amount) VALUES (?, ?, ?, ?)", rows)
        database.commit()


def test_the_tutorial_s_connector_publishes_each_row_once(
    publishing: Publishing, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    """Over a restart, with rows that come while it is away and while it runs."""
    options = {"table": "permits", "poll_seconds": 0.05}
    place = SimpleNamespace(id="permits", root=tmp_path, path="permits.db", options=options)
    kind = tutorial()
    insert(tmp_path / "permits.db", "a", "b")
    with publishing.running(kind(place)):
        wait_until(lambda: publishing.published() == ["a", "b"])
    insert(tmp_path / "permits.db", "c")
    with publishing.running(kind(place)):
        wait_until(lambda: publishing.published() == ["a", "b", "c"])
        insert(tmp_path / "permits.db", "d")
        wait_until(lambda: publishing.published() == ["a", "b", "c", "d"])


def test_files_of_every_format_are_read_as_their_own_says(
    publishing: Publishing, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    """Of one source of format `auto`, whose values are text for one file and not for the next."""
    line = f'{{"id": "a", "at": "{AT}", "person": "p", "amount": 1}}\n'
    (tmp_path / "1.ndjson").write_text(line)
    (tmp_path / "2.csv").write_text(f"id,at,person,amount\nb,{AT},p,2\n")
    (tmp_path / "3.ndjson").write_text(line.replace('"a"', '"c"'))
    with publishing.running(FileDrop(tmp_path, "auto", {"poll_seconds": 0.05})):
        wait_until(lambda: publishing.published() == ["a", "b", "c"])
