"""A topic that takes nothing: the job is told which and why, does without it, and little time is lost."""

import os
import time
import uuid

import copying
import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)
from copying_line import Line

from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.schemas.errors import UnavailableError
from penstock.streams.job import Inbound
from penstock.streams.settings import Cluster
from penstock.streams.transaction import TransactionAborted

WITHIN_S = 3.0
RULES = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}


@pytest.fixture(scope="module")
def ruled(kafka_installed, tmp_path_factory):
    """A broker that lets everybody do what no rule forbids."""
    with EmbeddedBroker(tmp_path_factory.mktemp("ruled"), extra=RULES) as broker:
        yield broker


def deny(admin, topic, *operations):
    for operation in operations:
        rule = AclBinding(
            ResourceType.TOPIC,
            topic,
            ResourcePatternType.LITERAL,
            "User:ANONYMOUS",
            "*",
            operation,
            AclPermissionType.DENY,
        )
        for done in admin.create_acls([rule]).values():
            done.result(20)


def forgive(admin, topic):
    every = AclBindingFilter(
        ResourceType.TOPIC,
        topic,
        ResourcePatternType.LITERAL,
        None,
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    for done in admin.delete_acls([every]).values():
        done.result(20)


def shrink(admin, topic, size="1000"):
    entry = ConfigEntry("max.message.bytes", size, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(20)


def delete(admin, topic):
    admin.delete_topics([topic])[topic].result(20)


WAYS = {
    "may no more be written": (lambda *on: deny(*on, AclOperation.WRITE), "TOPIC_AUTHORIZATION_FAILED"),
    "may no more be seen": (
        lambda *on: deny(*on, AclOperation.WRITE, AclOperation.DESCRIBE),
        "TOPIC_AUTHORIZATION_FAILED",
    ),
    "deleted": (delete, "UNKNOWN_TOPIC_OR_PART"),
    "too small": (shrink, "MSG_SIZE_TOO_LARGE"),
}


class TwoCopies(copying.Copy):
    """The copies, and the same to a second topic unless the job does without it."""

    def __init__(self, records, to, also):
        super().__init__(records, to, lambda _: None)
        self._also = also

    def produce(self, transaction):
        super().produce(transaction)
        for record in self._records if self._also else ():
            transaction.produce(self._also, os.urandom(3000), partition=record.partition)


class Job(copying.Copying):
    """Does without `also` once it was refused, where `yields`."""

    def __init__(self, line, also, *, yields=True):
        super().__init__(lambda batch: TwoCopies(batch, line.copies, self.also))
        self.also, self._yields = also, yields

    def refused(self, topics):
        super().refused(topics)
        if self._yields:
            self.also = None
        return self._yields


@pytest.fixture
def line(ruled, hands_on, closing):
    return Line(Cluster(ruled.bootstrap), hands_on(ruled.bootstrap), closing)


@pytest.mark.parametrize("way", WAYS)
def test_the_job_hears_of_it_and_goes_on_without_it(line, ruled, way):
    admin, also = AdminClient({"bootstrap.servers": ruled.bootstrap}), line.hands.topic(partitions=3)
    runner = line.runner()
    runner._job = Job(line, also)
    line.give(90)
    line.run(runner)
    happen, error = WAYS[way]
    happen(admin, also)
    line.give(90)
    started = time.monotonic()
    line.run(runner, until=lambda: sum(line.offsets()) == 180)
    assert time.monotonic() - started < WITHIN_S
    assert set(map(str, runner._job.refusals)) == {str({also: error})}
    assert line.copied() == line.expected()
    assert not runner._suspects._counts, "no record is to blame"


def test_a_topic_that_never_was_is_named_as_well(line):
    runner = line.runner()
    runner._job = Job(line, also := f"missing-{uuid.uuid4().hex}")
    line.give(90)
    started = time.monotonic()
    line.run(runner)
    assert time.monotonic() - started < 2 * WITHIN_S, "it joins its group, too"
    assert runner._job.refusals == [{also: "UNKNOWN_TOPIC_OR_PART"}]
    assert line.copied() == line.expected()


def test_a_partition_that_is_not_there_is_of_its_topic(line):
    runner, also = line.runner(), line.hands.topic(partitions=1)
    runner._job = Job(line, also)
    line.give(90)
    line.run(runner)
    assert runner._job.refusals == [{also: "_UNKNOWN_PARTITION"}]
    assert line.copied() == line.expected()


@pytest.mark.parametrize(
    ("happen", "mend"),
    [
        (lambda *on: deny(*on, AclOperation.WRITE), forgive),
        (shrink, lambda *on: shrink(*on, size="1048588")),
    ],
    ids=["denied", "too small"],
)
def test_where_the_job_cannot_do_without_it_waits_until_it_is_mended(line, ruled, happen, mend):
    admin, also = AdminClient({"bootstrap.servers": ruled.bootstrap}), line.hands.topic(partitions=3)
    runner = line.runner()
    runner._job = Job(line, also, yields=False)
    happen(admin, also)
    line.give(30)
    line.run(runner, until=lambda: len(runner._job.refusals) >= 5)
    assert runner._job.isolated == []
    assert sum(line.offsets()) == 0
    mend(admin, also)
    line.run(runner)
    assert line.copied() == line.expected()


def test_a_work_beside_names_its_topic_too(line, ruled):
    runner, also = line.runner(), line.hands.topic(partitions=3)
    line.give(90)
    line.run(runner)
    runner._job = Job(line, also)
    shrink(AdminClient({"bootstrap.servers": ruled.bootstrap}), also)
    work = TwoCopies([past()], line.copies, also)
    assert runner.beside(work, 0) is False
    assert work.told == ["aborted"]
    assert runner._job.refusals == [{also: "MSG_SIZE_TOO_LARGE"}]
    assert runner.beside(copying.Copy([past()], line.copies, lambda _: None), 0)


def past():
    return Inbound(0, 0, b"k", None, 0)


@pytest.mark.parametrize("failure", [TransactionAborted("scripted"), UnavailableError("scripted")])
def test_other_aborts_blame_no_topic(line, failure):
    failures = iter([failure])

    def stumble(_):
        for one in failures:
            raise one

    runner = line.runner(lambda batch: copying.Copy(batch, line.copies, stumble))
    line.give(30)
    if isinstance(failure, UnavailableError):
        with pytest.raises(UnavailableError):
            line.run(runner)
    line.run(runner)
    assert runner._job.refusals == []
    assert line.copied() == line.expected()
