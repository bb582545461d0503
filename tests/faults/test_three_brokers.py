"""Three brokers, replication 3, two in step wanted: each is killed while records flow, and nothing is lost."""

import threading
import time
import uuid

import copying
import pytest
from cluster import NODES, ThreeBrokers
from confluent_kafka import Producer
from copies import Verdict, committed_offsets, judge

from penstock.schemas.errors import RoleExit, UnavailableError
from penstock.streams.asking import Asking
from penstock.streams.client_facts import cluster_facts
from penstock.streams.runner import Runner
from penstock.streams.settings import Cluster
from penstock.streams.topics import TopicSpec, ensure, own_topics

PARTITIONS = 3
PATIENCE_S = 30.0
MOVING = 300
"""Records whose copies show that the stream moves."""


@pytest.fixture(scope="module")
def three(kafka_installed, tmp_path_factory):
    with ThreeBrokers(tmp_path_factory.mktemp("three")) as cluster:
        yield cluster


def test_our_topics_are_kept_as_the_cluster_keeps_topics(three):
    """Nothing of ours says how many replicas: the cluster's own default does."""
    cluster = Cluster(three.bootstrap)
    created = ensure(cluster, [*own_topics(), TopicSpec("south.anything.v1", PARTITIONS)])
    facts = cluster_facts(cluster)
    assert facts.brokers == len(NODES)
    assert {facts.topics[name].replicas for name in created} == {3}
    assert facts.settings["min.insync.replicas"] == "2"
    assert len(created) == len(own_topics()) + 1


def test_who_asks_where_a_topic_ends_hears_it_from_its_leaders_successor(three):
    """The client alone asks the broker that is gone, again and again, until that one is back."""
    cluster, topic = Cluster(three.bootstrap), f"asked-{uuid.uuid4().hex[:8]}"
    ensure(cluster, [TopicSpec(topic, 1)])
    asking = Asking(cluster)
    try:
        assert asking.span(topic, 0, PATIENCE_S) == (0, 0)
        leader = three.leader(topic)
        three.kill(leader)
        assert asking.span(topic, 0, PATIENCE_S) == (0, 0)
        three.restart(leader)
    finally:
        asking.close()


class Flow:
    """Records given to one topic all the while, by one thread, and copied to another by one slot, as supervised."""

    def __init__(self, cluster):
        self.cluster = cluster
        name = uuid.uuid4().hex[:8]
        self.source, self.copies, self.group = f"given-{name}", f"copies-{name}", f"lane-{name}"
        ensure(cluster, [TopicSpec(self.source, PARTITIONS), TopicSpec(self.copies, PARTITIONS)])
        self.given = self.done = 0
        self.exits = []
        self._full, self._over = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._give), threading.Thread(target=self._serve)]

    def __enter__(self):
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_):
        self._full.set()
        self._over.set()
        for one in self._threads:
            one.join()

    def finish(self, timeout_s=30.0):
        """Give no more; wait for all copies."""
        self._full.set()
        self._threads[0].join()
        deadline = time.monotonic() + timeout_s
        while sum(committed_offsets(self.cluster, self.group, self.source, PARTITIONS)) < self.given:
            assert time.monotonic() < deadline, f"of {self.given} not all are done; {self.exits}"
            time.sleep(0.1)

    def await_done(self, count, timeout_s=30.0):
        deadline = time.monotonic() + timeout_s
        while self.done < count:
            assert time.monotonic() < deadline, f"{self.done} of {count} done; {self.exits}"
            time.sleep(0.02)

    def _give(self):
        producer = Producer(self.cluster.producer())
        while not self._full.wait(0.01):
            for partition in range(PARTITIONS):
                producer.produce(self.source, b"given", key=b"k", partition=partition)
            self.given += PARTITIONS
        assert producer.flush(60) == 0

    def _serve(self):
        while not self._over.is_set():
            job = copying.Copying(lambda batch: copying.Copy(batch, self.copies, lambda _: None))
            runner = Runner(self.cluster, self.source, self.group, "0", job)
            try:
                runner.start()
                self._step(runner)
            except (RoleExit, UnavailableError) as ended:
                self.exits.append(str(ended))
            finally:
                runner.close()

    def _step(self, runner):
        while not self._over.is_set():
            self.done += runner.step()


def test_brokers_killed_one_at_a_time_lose_repeat_and_reorder_nothing(three):
    with Flow(Cluster(three.bootstrap)) as flow:
        flow.await_done(MOVING)
        for node in NODES:
            three.kill(node)
            flow.await_done(flow.done + MOVING)
            three.restart(node)
            flow.await_done(flow.done + MOVING)
        flow.finish()
    assert judge(flow.cluster, flow.source, flow.copies, PARTITIONS) == Verdict()
