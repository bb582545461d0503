"""The whole examination, in the order in which things depend on one another."""

from collections.abc import Callable, Iterator
from pathlib import Path

from ...schemas.ecosystem import NamedStore
from ...schemas.errors import PenstockError
from ...schemas.generation import Generation
from ...streams.client_facts import ClusterFacts, cluster_facts
from ..documents.load import ecosystem_of
from ..home import Home
from ..in_force import generation_in_force
from ..wiring import Wiring
from . import certificates, doors, flow, keys, machine, papers, signs, workers
from .result import Check, Result, Verdict

Say = Callable[[str], None]


def examine(directory: Path, say: Say) -> Iterator[Result]:
    """Yield what every look gave; `say` is told what is being looked at. Changes nothing, raises nothing of ours."""
    root = directory.resolve()
    home = Home(root)
    yield from _looked(_local(root, home), say)
    try:
        if _never_ran(home):
            yield Result("store", Verdict.NOTE, "there is no store yet: nothing ever ran here", f"penstock up {root}")
            return
        wiring = Wiring(root)
    except PenstockError as error:
        yield Result("store", Verdict.ILL, error.message, error.remedy, "PenstockKeyStoreDown")
        return
    stored = [
        Check("key store", lambda: keys.key_store(wiring), "PenstockKeyStoreDown"),
        Check("KMS", lambda: keys.kms(wiring), "PenstockKmsDown"),
        Check("credentials", lambda: doors.lasting(wiring), "PenstockKeyStoreDown"),
    ]
    yield from _looked(stored, say)
    yield from _of_cluster(root, home, wiring, say)


def _never_ran(home: Home) -> bool:
    """Say whether looking at the store would make one."""
    return not isinstance(ecosystem_of(home.root).store, NamedStore) and not home.store.exists()


def _local(root: Path, home: Home) -> list[Check]:
    return [
        Check("software", machine.software),
        Check("exchange", lambda: machine.exchange(root)),
        Check("documents", lambda: papers.fitness(root)),
        Check("signatures", lambda: papers.signatures(root)),
        Check("disk", lambda: machine.disk(home), "PenstockDiskFilling"),
        Check("secrets", lambda: machine.secret_files(home)),
        Check("certificates", lambda: certificates.certificates(root)),
    ]


def _of_cluster(root: Path, home: Home, wiring: Wiring, say: Say) -> Iterator[Result]:
    """Look at what needs Kafka; without it only the roles can tell anything."""
    facts: ClusterFacts | None = None
    generation: Generation | None = None
    try:
        say("Kafka")
        facts = cluster_facts(wiring.cluster())
        generation = generation_in_force(wiring)
    except PenstockError as error:
        yield Result("Kafka", Verdict.ILL, error.message, error.remedy, "PenstockRoleDown")
    of_roles = [
        Check("roles", lambda: workers.roles(home, generation), "PenstockRoleDown"),
        Check("metrics", lambda: signs.signs(home), "PenstockRoleDown"),
    ]
    yield from _looked(of_roles, say)
    if facts is None:
        return
    yield from _looked([Check("brokers", lambda: flow.brokers(wiring, facts))], say)
    if generation is None:
        return
    yield from _looked(_in_force(root, wiring, facts, generation), say)


def _in_force(root: Path, wiring: Wiring, facts: ClusterFacts, generation: Generation) -> list[Check]:
    return [
        Check("registry", lambda: keys.registry(wiring), "PenstockRoleWaiting"),
        Check("topics", lambda: flow.topics(wiring, facts, generation)),
        Check("in force", lambda: papers.difference(root)),
        Check("access", lambda: doors.access(wiring, generation)),
        Check("agreements", lambda: papers.validity(generation), "PenstockAgreementExpires"),
        Check("sealing keys", lambda: papers.sealing_keys(generation)),
        Check("lanes", lambda: flow.lanes(wiring, generation), "PenstockAgreementParked"),
        Check("lag", lambda: flow.lag(wiring, generation), "PenstockLagHigh"),
    ]


def _looked(checks: list[Check], say: Say) -> Iterator[Result]:
    for check in checks:
        say(check.name)
        yield from check.results()
