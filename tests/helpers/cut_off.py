"""A worker's place from which parts of its way to Kafka can be cut, for real: nobody says no, nothing comes."""

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import silencing_proxy
from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient
from silencing_proxy import FETCH, LIST_OFFSETS
from steering import Helper

__all__ = ["FETCH", "LIST_OFFSETS", "CutOff"]


class CutOff:
    """`directory` is an ecosystem's, in which its Kafka stands behind a proxy; all else in it is the same."""

    def __init__(self, directory: Path, proxy: Helper) -> None:
        self.directory = directory
        self._proxy = proxy

    @classmethod
    @contextlib.contextmanager
    def from_topics(
        cls, ecosystem: Path, client: Mapping[str, Any], topics: list[str], folder: Path
    ) -> Iterator["CutOff"]:
        """Make the place in `folder`; `topics` are those whose requests the proxy tells from others."""
        run = ecosystem / ".penstock" / "run"
        facts = json.loads((run / "broker.json").read_text())
        about = [one.hex() for one in _names(client, topics)]
        behind = facts["bootstrap"].rpartition(":")[2]
        proxy = Helper(silencing_proxy.__file__, behind, *about, log=folder / "silencing-proxy.log")
        try:
            port = json.loads(proxy.hear())["port"]
            state, inner = folder / ".penstock", folder / ".penstock" / "run"
            inner.mkdir(parents=True)
            _link(ecosystem, folder, but=".penstock")
            _link(ecosystem / ".penstock", state, but="run")
            _link(run, inner, but="broker.json")
            (inner / "broker.json").write_text(json.dumps({**facts, "bootstrap": f"127.0.0.1:{port}"}))
            yield cls(folder, proxy)
        finally:
            proxy.end()

    def silence(self, kinds: set[int] | None) -> list[list[int]]:
        """Hold connections that ask so about the topics, None: all. Return by what each that is held is known."""
        self._proxy.say(json.dumps({"silent": None if kinds is None else sorted(kinds)}))
        held: list[list[int]] = json.loads(self._proxy.hear())["held"]
        return held

    def heal(self) -> None:
        """Pass everything on, what was held first."""
        assert self.silence(set()) == []


def _names(client: Mapping[str, Any], topics: list[str]) -> list[bytes]:
    """Return by what requests name topics: by name or, a fetch, by the sixteen bytes of the topic's id."""
    admin = AdminClient(dict(client))  # ends with what it was asked, if nobody holds it
    found = admin.describe_topics(TopicCollection(topics))
    ids = [str(one.result(20).topic_id) for one in found.values()]
    return [one.encode() for one in topics] + [base64.urlsafe_b64decode(one + "==") for one in ids]


def _link(source: Path, target: Path, *, but: str) -> None:
    for one in source.iterdir():
        if one.name != but:
            (target / one.name).symlink_to(one)
