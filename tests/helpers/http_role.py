"""The connectors role as a process, with an HTTP source, on a Kafka of its own; and a plain client."""

import contextlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from ecosystem import end
from generations import SCHEMA, generation_of
from http_stand import JSON, PATH

from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.ops.processes import read_status
from penstock.ops.wiring import Wiring
from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import unframe
from penstock.streams.control import ControlWriter
from penstock.streams.reader import TopicReader
from penstock.streams.settings import Cluster
from penstock.streams.topics import TopicSpec, ensure, own_topics, quarantine_topic

DATASET = "income"
TOPIC = f"ee.{DATASET}.v1"
SCRIPT = Path(__file__).with_name("http_role_process.py")


@dataclass
class Got:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks one server, over one connection for each request. `token` is shown unless it is empty."""

    def __init__(self, url: str, token: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.url, self._parts, self._token, self._tls = url, urlsplit(url), token, tls

    def ask(self, method: str, path: str, body: bytes = b"", timeout_s: float = 60.0, **headers: str) -> Got:
        host, port = str(self._parts.hostname), int(self._parts.port or 0)
        if self._parts.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=timeout_s, context=self._tls
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._token:
            given.setdefault("authorization", f"Bearer {self._token}")
        with contextlib.closing(connection):
            connection.request(method, path, body or None, given)
            answer = connection.getresponse()
            return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def post(self, body: Any, key: str = "", media: str = JSON, timeout_s: float = 60.0) -> Got:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        more = {"idempotency-key": key} if key else {}
        return self.ask("POST", PATH, data, timeout_s, **{"content-type": media}, **more)


class Role:
    """A connectors role that runs."""

    def __init__(self, process: "subprocess.Popen[bytes]", facts: dict[str, Any], token: str) -> None:
        self.process, self.facts, self.token = process, facts, token
        self.url = str(facts["url"])

    def client(self, token: str | None = None, tls: ssl.SSLContext | None = None) -> Client:
        return Client(self.url, self.token if token is None else token, tls)

    def metrics(self) -> str:
        return Client(f"http://127.0.0.1:{self.facts['port']}").ask("GET", "/metrics").body.decode()


class RoleStand:
    """One dataset in force on a Kafka of its own, and the roles that feed it."""

    def __init__(self, folder: Path, broker: EmbeddedBroker) -> None:
        self.folder, self.broker, self.cluster = folder, broker, Cluster(broker.bootstrap)
        said = {"version": 1, "id": "eco", "title": "Eco", "cluster": {"bootstrap": broker.bootstrap}}
        (folder / "ecosystem.yaml").write_text(yaml.safe_dump(said))
        self._sources: dict[str, dict[str, Any]] = {}
        ensure(self.cluster, [*own_topics(), TopicSpec(TOPIC, 3), TopicSpec(quarantine_topic(DATASET), 1)])
        with contextlib.closing(ControlWriter(self.cluster, "eco")) as control:
            control.write(generation_of(dataset=DATASET))
        self.tokens = Wiring(folder).tokens()
        self.token = self.tokens.issue("ee", scope="publish")

    @contextlib.contextmanager
    def role(self, source: str, *, dies: str = "", **options: Any) -> Iterator[Role]:
        """Run the role of a source. `dies`: it kills itself `before` or `after` its first commit."""
        self._sources[source] = {"id": source, "kind": "http", "dataset": DATASET, "options": options}
        said = {"version": 1, "sources": list(self._sources.values())}
        (self.folder / "connectors.yaml").write_text(yaml.safe_dump(said))
        env = {**os.environ, "HTTP_ROLE_DIES": dies}
        with (self.folder / f"{source}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(SCRIPT), str(self.folder), source], env=env, stdout=log, stderr=log
            )
        try:
            yield Role(process, self._up(source, process), self.token)
        finally:
            end(process)

    def _up(self, source: str, process: "subprocess.Popen[bytes]") -> dict[str, Any]:
        status = self.folder / ".penstock" / "run" / f"connectors-{source}.json"
        deadline = time.monotonic() + 60
        while True:
            facts = read_status(status) or {}
            if facts.get("pid") == process.pid and "url" in facts:
                with contextlib.suppress(OSError):
                    # A TLS server is asked by its tests; what counts here is that the source is open.
                    if "https" in facts["url"] or Client(facts["url"]).ask("GET", "/v1/health").status == 200:
                        return facts
            assert process.poll() is None, (self.folder / f"{source}.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def published(self) -> list[str]:
        """Return the ids of the committed events on the provider topic."""
        reader, codec = TopicReader(self.cluster, TOPIC), Codec(SCHEMA)
        with contextlib.closing(reader):
            return [codec.decode(unframe(one.value)[1])["id"] for one in reader.to_end()]

    @contextlib.contextmanager
    def silent_broker(self) -> Iterator[None]:
        """Kafka keeps its connections and answers nothing while the block runs."""
        pid = self.broker.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
