"""Which topics the documents ask for."""

from collections.abc import Mapping
from typing import Any

from ..schemas.agreement import Agreement
from ..schemas.charter import Charter
from ..schemas.compatibility import compatible
from ..schemas.errors import ConfigurationError
from ..schemas.generation import AgreementInForce, Generation
from ..schemas.model import duration_ms
from ..streams.topics import FOR_EVER, TopicSpec, provider_topic, quarantine_topic, view_topic
from .documents.load import Documents

Views = Mapping[str, Mapping[str, Any]]
"""View schemas by agreement."""


def view_topics(documents: Documents, views: Views, current: Generation | None) -> dict[str, str]:
    """Return, by agreement, the topic that its view goes to."""
    held = current.agreements if current else {}
    return {key: next_view_topic(one, views[key], held.get(key)) for key, one in documents.agreements.items()}


def next_view_topic(agreement: Agreement, view: Mapping[str, Any], before: AgreementInForce | None) -> str:
    """Return where an agreement's view goes: where it went, unless who reads there could not read on.

    Then `view.<agreement>.v<n>` is opened, n counting from 2; what was released stays where it is.
    """
    if before is None:
        return agreement.view_topic
    if not compatible("BACKWARD", view, [before.view_schema]):
        return before.view_topic
    number = before.view_topic.removeprefix(agreement.view_topic).removeprefix(".v")
    return f"{agreement.view_topic}.v{int(number or 1) + 1}"


def topic_specs(documents: Documents, topics: Mapping[str, str]) -> list[TopicSpec]:
    """Return every topic of the documents' datasets and agreements; `topics` says where views go."""
    charter = documents.charter
    specs = []
    for contract in documents.contracts.values():
        specs.append(provider_topic(contract.topic, contract.partitions, _retention_ms(charter, contract.retention)))
        specs.append(TopicSpec(quarantine_topic(contract.id), 1, FOR_EVER))
    for key, agreement in documents.agreements.items():
        partitions = documents.contracts[agreement.dataset].partitions
        specs.append(view_topic(topics[key], partitions, _retention_ms(charter, agreement.retention)))
    return specs


def _retention_ms(charter: Charter, name: str) -> int:
    found = next((one for one in charter.retention_classes if one.id == name), None)
    if found is None:
        raise ConfigurationError(f"the charter has no retention class `{name}`", remedy="penstock check DIR")
    return duration_ms(found.duration)
