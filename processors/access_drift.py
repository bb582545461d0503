"""How far Kafka's users and rules are from what is wanted of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..schemas import topic_names
from ..schemas.access import EVERYBODY, Rule, is_ours
from ..schemas.principals import connector_principal, member_principal
from .access import Scene, wanted_roles, wanted_rules

_OWN_TOPICS = frozenset(
    (
        topic_names.CONTROL,
        topic_names.CONSENTS,
        topic_names.SOURCES,
        topic_names.AUDIT,
        topic_names.DISCLOSURES,
        topic_names.SCHEMAS,
    )
)


@dataclass(frozen=True, slots=True)
class Drift:
    """What is missing on Kafka, and what of ours is there and should not be."""

    missing: frozenset[Rule]
    surplus: frozenset[Rule]
    missing_users: frozenset[str]
    surplus_users: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus or self.missing_users or self.surplus_users)


def drift(scene: Scene, rules: Iterable[Rule], users: Iterable[str], *, exclusive: bool) -> Drift:
    """Return the difference between what Kafka holds and what it should.

    What is not ours is left out: other principals, and on a cluster that is not `exclusive`ly ours also what it lets
    everybody do, unless by name on a topic of ours.
    """
    held, there, wanted, roles = frozenset(rules), frozenset(users), wanted_rules(scene), wanted_roles(scene)
    topics = _topics(scene)
    return Drift(
        missing=wanted - held,
        surplus=frozenset(one for one in held - wanted if _may_end(scene, one, topics, exclusive=exclusive)),
        missing_users=roles - there,
        surplus_users=frozenset(one for one in there - roles if _is_over(scene, one)),
    )


def _may_end(scene: Scene, rule: Rule, topics: frozenset[str], *, exclusive: bool) -> bool:
    if rule.principal == EVERYBODY:
        return rule.allows and (exclusive or (rule.kind == "topic" and not rule.prefixed and rule.name in topics))
    return is_ours(rule.principal) and _is_known(scene, rule.principal)


def _is_known(scene: Scene, principal: str) -> bool:
    """Say whether enough is known to judge a principal: before the first generation nothing is of members."""
    if principal.startswith(member_principal("")):
        return scene.generation is not None
    return scene.sources is not None or not principal.startswith(connector_principal(""))


def _is_over(scene: Scene, user: str) -> bool:
    """Say whether a user that is no role of today has nothing to do here any more."""
    if not is_ours(user) or not _is_known(scene, user):
        return False
    members = {member_principal(one.id) for one in scene.generation.charter.members} if scene.generation else set()
    return user in scene.barred or user not in members


def _topics(scene: Scene) -> frozenset[str]:
    if scene.generation is None:
        return _OWN_TOPICS
    contracts = [held.contract for held in scene.generation.contracts.values()]
    provided = {one.topic for one in contracts} | {topic_names.quarantine_topic(one.id) for one in contracts}
    return _OWN_TOPICS | provided | {held.view_topic for held in scene.generation.agreements.values()}
