"""A broker with one listener behind a proxy, and lines of copies on it."""

from collections.abc import Callable, Iterator

import guarded_broker
import pytest
from kafka_proxy import KafkaProxy
from undefended import Line

from penstock.streams.settings import Cluster


@pytest.fixture(scope="session")
def proxied_broker(kafka_installed, tmp_path_factory):
    broker = guarded_broker.start(tmp_path_factory.mktemp("defences"))
    yield broker
    broker.stop()


@pytest.fixture
def line_on(proxied_broker) -> Iterator[Callable[..., Line]]:
    """`line_on()`: a line of the broker's; with `late`, one whose runners' requests can be kept on their way."""
    lines = []

    def make_line(kind: type[Cluster] = Cluster, *, late: bool = False) -> Line:
        listener = "PROXIED" if late else "PLAINTEXT"
        lines.append(Line(kind(proxied_broker.bootstrap(listener)), Cluster(proxied_broker.bootstrap("PLAINTEXT"))))
        return lines[-1]

    yield make_line
    for one in lines:
        one.close()


@pytest.fixture
def proxy(proxied_broker) -> Iterator[KafkaProxy]:
    proxied_broker.proxy.kept.clear()
    slow = proxied_broker.proxy.slow
    yield proxied_broker.proxy
    proxied_broker.proxy.slow = slow
