"""Whose a static member's place in its group is."""

import warnings
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ..schemas.errors import UnavailableError
from .clients import make
from .settings import Cluster

ASK_S = 2.0
UUID_LENGTH = 36


def holder_of(cluster: Cluster, group: str, instance: str) -> str | None:
    """Return the id of the member that holds the instance id, as the group's coordinator knows it; None: nobody does.

    Raises UnavailableError when it does not say. A new client each time: one that saw a broker go may look for the
    coordinator in vain for seconds.
    """
    try:
        groups = _listed(make(AdminClient, cluster.client()), group)
    except KafkaException as failure:
        raise UnavailableError(
            f"Kafka does not say who is in the group ({failure.args[0].name()})", place=group
        ) from None
    if not groups or groups[0].error is not None:
        raise UnavailableError("Kafka does not say who is in the group", place=group)
    # The coordinator makes a static member's id of its instance id and a UUID.
    return next((one.id for one in groups[0].members if one.id[:-UUID_LENGTH] == f"{instance}-"), None)


def _listed(client: AdminClient, group: str) -> Any:
    """Ask in the client's old way, which leaves nothing under way after its time-out.

    A client that is let go while a group that it is to describe is still asked for ends the process (an assertion of
    librdkafka 2.16).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return client.list_groups(group, timeout=ASK_S)
