"""Kafka's users and rules: SCRAM-SHA-512 credentials and the authorizer's list, read and changed."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, but re-exported without saying so
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from ..schemas.access import Rule
from ..schemas.errors import RefusedError, UnavailableError
from .clients import Complaint, ask_topics, make
from .settings import Cluster

PATIENCE_S = 20.0
ITERATIONS = 4096
"""Kafka's least. Passwords of ours are 32 random bytes: guessing them is no way in, and every login pays for these."""

_KINDS = {"TOPIC": "topic", "GROUP": "group", "TRANSACTIONAL_ID": "transactional-id", "BROKER": "cluster"}
_TYPES = {kind: ResourceType[name] for name, kind in _KINDS.items()}
_REFUSED = {"CLUSTER_AUTHORIZATION_FAILED", "SECURITY_DISABLED", "TOPIC_AUTHORIZATION_FAILED"}
_SCRAM = ScramMechanism.SCRAM_SHA_512


class AccessAdmin:
    """Reads and changes users and rules of a cluster. Every change may be repeated.

    Raises RefusedError when the cluster does not let us, or has no authorizer; UnavailableError when it does not
    answer within PATIENCE_S.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._place = cluster.bootstrap
        complaint = Complaint(cluster.bootstrap)
        self._admin = make(AdminClient, {**cluster.client(), "error_cb": complaint})
        # First: it says why nobody answers, which the calls below do not.
        ask_topics(self._admin, complaint, PATIENCE_S)

    def users(self) -> frozenset[str]:
        """Return who has a SCRAM-SHA-512 credential."""
        asked: Any = self._admin.describe_user_scram_credentials()
        found = self._result(asked, "read")
        return frozenset(
            name for name, one in found.items() if any(info.mechanism == _SCRAM for info in one.scram_credential_infos)
        )

    def set_password(self, user: str, password: str) -> None:
        """Let `user` in with `password`, and with no other from now on; connections that are open stay open."""
        credential = UserScramCredentialUpsertion(user, ScramCredentialInfo(_SCRAM, ITERATIONS), password.encode())
        self._all(self._admin.alter_user_scram_credentials([credential]))

    def drop_users(self, users: Iterable[str]) -> None:
        """Let `users` in no more; connections that are open stay open, and end with their rules."""
        deletions: list[Any] = [UserScramCredentialDeletion(user, _SCRAM) for user in sorted(users)]
        if deletions:
            self._all(self._admin.alter_user_scram_credentials(deletions), but="RESOURCE_NOT_FOUND")

    def rules(self) -> frozenset[Rule]:
        """Return every rule of the authorizer."""
        anything: Any = None  # which the client takes, though its types do not say so
        everything = AclBindingFilter(
            ResourceType.ANY,
            anything,
            ResourcePatternType.ANY,
            anything,
            anything,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        found = self._result(self._admin.describe_acls(everything, request_timeout=PATIENCE_S), "read")
        return frozenset(_rule(binding) for binding in found)

    def add(self, rules: Iterable[Rule]) -> None:
        """Lay `rules`; they hold within moments of this call's return."""
        bindings = [_binding(rule, AclBinding) for rule in sorted(rules)]
        if bindings:
            self._all(self._admin.create_acls(bindings, request_timeout=PATIENCE_S))

    def drop(self, rules: Iterable[Rule]) -> None:
        """Take `rules` away; they hold no more within moments of this call's return, for open connections too."""
        filters = [_binding(rule, AclBindingFilter) for rule in sorted(rules)]
        if filters:
            self._all(self._admin.delete_acls(filters, request_timeout=PATIENCE_S))

    def _all(self, futures: "Mapping[Any, Future[Any]]", *, but: str = "") -> None:
        for future in futures.values():
            self._result(future, "changed", but=but)

    def _result(self, future: "Future[Any]", what: str, *, but: str = "") -> Any:
        try:
            return future.result(PATIENCE_S)
        except (KafkaException, TimeoutError) as failure:
            said = failure.args[0].name() if isinstance(failure, KafkaException) else "no answer"
            if said == but:
                return None
            kind = RefusedError if said in _REFUSED else UnavailableError
            raise kind(
                f"users and rules could not be {what} ({said})",
                place=self._place,
                remedy="check that the cluster has an authorizer, and that our user may ALTER the cluster",
            ) from None


def _rule(binding: Any) -> Rule:
    return Rule(
        principal=binding.principal.removeprefix("User:"),
        operation=binding.operation.name,
        kind=_KINDS.get(binding.restype.name, binding.restype.name),
        name=binding.name,
        prefixed=binding.resource_pattern_type == ResourcePatternType.PREFIXED,
        host=binding.host,
        allows=binding.permission_type == AclPermissionType.ALLOW,
    )


def _binding(rule: Rule, made: Any) -> Any:
    return made(
        _TYPES[rule.kind],
        rule.name,
        ResourcePatternType.PREFIXED if rule.prefixed else ResourcePatternType.LITERAL,
        f"User:{rule.principal}",
        rule.host,
        AclOperation[rule.operation],
        AclPermissionType.ALLOW if rule.allows else AclPermissionType.DENY,
    )
