"""Kafka and what flows through it: brokers, topics, lag."""

from collections.abc import Iterator

from ...schemas.ecosystem import NamedCluster
from ...schemas.generation import Generation
from ...schemas.lanes import lane_group
from ...streams.client_facts import ClusterFacts, TopicFacts
from ...streams.lag import LagProbe
from ...streams.topics import own_topics, quarantine_topic
from ..clock import now_ms
from ..in_force import why_behind
from ..wiring import Wiring
from .result import Result, Verdict, well

LATE_S = 60.0
SAFE_REPLICAS = 3


def brokers(wiring: Wiring, facts: ClusterFacts) -> Iterator[Result]:
    """Say how many brokers answer and whether their settings are as Penstock needs them."""
    if not isinstance(wiring.ecosystem.cluster, NamedCluster):
        yield Result(
            "brokers", Verdict.NOTE, "the embedded Kafka: one broker, one replica", "name a cluster for production"
        )
        return
    yield well("brokers", f"{facts.brokers} answer")
    if facts.settings.get("auto.create.topics.enable") == "true":
        remedy = "set auto.create.topics.enable=false: a typing error must not make a topic"
        yield Result("brokers", Verdict.WARNING, "the cluster makes topics that nobody asked for", remedy)


def topics(wiring: Wiring, facts: ClusterFacts, generation: Generation) -> Iterator[Result]:
    """Say which topics are missing, without a leader, or not copied as they should be."""
    named = isinstance(wiring.ecosystem.cluster, NamedCluster)
    wanted = _wanted(generation)
    troubles = [one for name, partitions in wanted.items() for one in _topic(name, partitions, facts, named=named)]
    yield from troubles
    if not troubles:
        yield well("topics", f"{len(wanted)} topics are there, each partition with a leader")


def _wanted(generation: Generation) -> dict[str, int]:
    """Return the partitions of each topic that what is in force needs."""
    wanted = {spec.name: spec.partitions for spec in own_topics()}
    for held in generation.contracts.values():
        wanted |= {held.contract.topic: held.contract.partitions, quarantine_topic(held.contract.id): 1}
    for one in generation.agreements.values():
        if one.status != "terminated":
            wanted[one.view_topic] = generation.contracts[one.agreement.dataset].contract.partitions
    return wanted


def _topic(name: str, partitions: int, facts: ClusterFacts, *, named: bool) -> Iterator[Result]:
    found: TopicFacts | None = facts.topics.get(name)
    if found is None:
        yield Result("topics", Verdict.ILL, f"{name} is not there", "penstock apply DIR makes it")
        return
    if found.partitions != partitions:
        said = f"{name} has {found.partitions} partitions, the contract says {partitions}"
        yield Result("topics", Verdict.ILL, said, "a topic keeps its partition count: set the contract back")
    if found.leaderless:
        said = f"{name}: {found.leaderless} partitions have no leader"
        yield Result("topics", Verdict.ILL, said, "start the brokers that hold them", "PenstockLagHigh")
    elif found.in_step < found.replicas:
        said = f"{name}: only {found.in_step} of {found.replicas} replicas are in step"
        yield Result("topics", Verdict.WARNING, said, "look at the brokers that are behind")
    if named and found.replicas < SAFE_REPLICAS:
        said = f"{name} has {found.replicas} replicas"
        yield Result("topics", Verdict.WARNING, said, "raise its replication to 3, with min.insync.replicas=2")


def lag(wiring: Wiring, generation: Generation) -> Iterator[Result]:
    """Say how old the oldest event is that a dataset's exchange has not dealt with."""
    for key, held in sorted(generation.contracts.items()):
        contract = held.contract
        group = lane_group(wiring.ecosystem.id, contract.topic)
        probe = LagProbe(wiring.cluster(), contract.topic, group, contract.partitions)
        try:
            seconds = probe.seconds(now_ms())
        finally:
            probe.close()
        yield _lag(key, seconds)


def _lag(dataset: str, seconds: float | None) -> Result:
    if seconds is None:
        remedy = "start an exchange for it, or ask again: Kafka gave no answer"
        return Result("lag", Verdict.UNKNOWN, f"{dataset}: not known", remedy, "PenstockLagHigh")
    said = f"{dataset}: {seconds:.1f} s"
    if seconds < LATE_S:
        return well("lag", said)
    return Result("lag", Verdict.ILL, said, "see whether its exchange runs", "PenstockLagHigh")


def lanes(wiring: Wiring, generation: Generation) -> Iterator[Result]:
    """Say which agreements are behind, and why."""
    behind = why_behind(wiring, generation)
    for agreement, reasons in sorted(behind.items()):
        said = f"{agreement} is behind: {', '.join(sorted(reasons))}"
        if any(reason.startswith("parked") for reason in reasons):
            yield Result(
                "lanes", Verdict.ILL, said, "mend what failed: it catches up by itself", "PenstockAgreementParked"
            )
        else:
            yield Result("lanes", Verdict.NOTE, said, "")
    if not behind:
        yield well("lanes", "every agreement is served with the others")
