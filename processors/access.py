"""From what is in force to the rules that Kafka must hold: each principal what it needs, and nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..schemas.access import SESSIONLESS_GROUP, Rule
from ..schemas.contract import DataContract
from ..schemas.generation import AgreementInForce, Generation
from ..schemas.lanes import REGISTRY_WRITER, lane_group, source_id
from ..schemas.principals import GATEWAY, connector_principal, exchange_principal, member_principal
from ..schemas.topic_names import (
    AUDIT,
    CONSENTS,
    CONTROL,
    DISCLOSURES,
    ERASURES,
    LANES,
    SCHEMAS,
    SLOTS,
    SOURCES,
    quarantine_topic,
)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that rights follow from.

    `datasets` and `sources` (a source's dataset by its id) are those that roles run for, in force or not yet; sources
    None: not known, so that nothing is changed about them. `barred` are principals whose credential was revoked or has
    expired.
    """

    ecosystem: str
    generation: Generation | None
    at_ms: int
    datasets: frozenset[str] = frozenset()
    sources: Mapping[str, str] | None = field(default_factory=dict)
    barred: frozenset[str] = frozenset()


def wanted_rules(scene: Scene) -> frozenset[Rule]:
    """Return every rule that principals of ours need. None names a wildcard, none denies, none is for everybody.

    Reading and writing let one describe, too.
    """
    rules = {*_gateway(scene.ecosystem), *_roles(scene), *_members(scene)}
    return frozenset(rule for rule in rules if rule.principal not in scene.barred)


def wanted_roles(scene: Scene) -> frozenset[str]:
    """Return the principals of roles; each has a credential of its own."""
    exchanges = {exchange_principal(dataset) for dataset in _datasets(scene)}
    return frozenset({GATEWAY, *exchanges, *map(connector_principal, scene.sources or ())})


def counts(held: AgreementInForce, at_ms: int) -> bool:
    """Say whether an agreement opens its view to its recipient: in force, and not past its validity."""
    return held.status == "in_force" and at_ms < _end_ms(held)


def next_lapse_ms(generation: Generation, at_ms: int) -> int | None:
    """Return when the next agreement ends by itself; None when none will."""
    return min((_end_ms(held) for held in generation.agreements.values() if counts(held, at_ms)), default=None)


def _end_ms(held: AgreementInForce) -> int:
    return int(held.agreement.valid.until.timestamp() * 1000)


def _datasets(scene: Scene) -> set[str]:
    return {*scene.datasets, *(scene.generation.contracts if scene.generation else ())}


def _gateway(ecosystem: str) -> Iterator[Rule]:
    yield from _reads(GATEWAY, CONTROL, SCHEMAS, CONSENTS, SLOTS, ERASURES)
    yield from _writes(GATEWAY, SCHEMAS, SLOTS, ERASURES)
    yield Rule(GATEWAY, "WRITE", "transactional-id", REGISTRY_WRITER)
    # It fences slots that do not acknowledge a change; without a right to write where they write, that is all it can.
    yield Rule(GATEWAY, "WRITE", "transactional-id", lane_group(ecosystem, ""), prefixed=True)


def _roles(scene: Scene) -> Iterator[Rule]:
    contracts = scene.generation.contracts if scene.generation else {}
    for dataset in sorted(_datasets(scene)):
        # Before the first generation a role waits for it, and needs no more than that.
        yield from _reads(exchange_principal(dataset), CONTROL)
        if dataset in contracts and scene.generation is not None:
            yield from _exchange(scene, scene.generation, contracts[dataset].contract)
    for source, dataset in (scene.sources or {}).items():
        yield from _reads(connector_principal(source), CONTROL)
        if dataset in contracts:
            yield from _connector(scene.ecosystem, source, contracts[dataset].contract)


def _exchange(scene: Scene, generation: Generation, contract: DataContract) -> Iterator[Rule]:
    who = exchange_principal(contract.id)
    group = lane_group(scene.ecosystem, contract.topic)
    yield from _reads(who, contract.topic, CONSENTS, LANES)
    lanes = {0, *(held.lane for held in generation.of_dataset(contract.id))}
    for lane in sorted(lanes):
        yield Rule(who, "READ", "group", lane_group(scene.ecosystem, contract.topic, lane))
    # A slot's id is the group's name and a number.
    yield Rule(who, "WRITE", "transactional-id", f"{group}.", prefixed=True)
    live = [held for held in generation.of_dataset(contract.id) if held.status != "terminated"]
    yield from _writes(
        who, quarantine_topic(contract.id), AUDIT, DISCLOSURES, LANES, SLOTS, *(held.view_topic for held in live)
    )


def _connector(ecosystem: str, source: str, contract: DataContract) -> Iterator[Rule]:
    who = connector_principal(source)
    # It reads what it published before, to know a duplicate.
    yield from _reads(who, contract.topic, SOURCES)
    yield from _writes(who, contract.topic, quarantine_topic(contract.id), AUDIT, SOURCES)
    yield Rule(who, "WRITE", "transactional-id", source_id(ecosystem, source))


def _members(scene: Scene) -> Iterator[Rule]:
    if scene.generation is None:
        return
    for held in scene.generation.agreements.values():
        if counts(held, scene.at_ms):
            who = member_principal(held.agreement.recipient)
            yield Rule(who, "READ", "topic", held.view_topic)
            yield Rule(who, "READ", "group", f"{held.agreement.recipient}.", prefixed=True)
    for one in scene.generation.contracts.values():
        who = member_principal(one.contract.provider)
        yield Rule(who, "WRITE", "topic", one.contract.topic)
        yield Rule(who, "WRITE", "transactional-id", f"{one.contract.provider}.", prefixed=True)


def _reads(who: str, *topics: str) -> Iterator[Rule]:
    yield from (Rule(who, "READ", "topic", topic) for topic in topics)
    yield Rule(who, "DESCRIBE", "group", SESSIONLESS_GROUP)


def _writes(who: str, *topics: str) -> Iterator[Rule]:
    yield from (Rule(who, "WRITE", "topic", topic) for topic in topics)
