"""Names that a lane goes by: group, slot, transactional id. They appear in Kafka, so they are promises."""

REGISTRY_WRITER = "penstock.registry"
"""Transactional id of whoever writes the schema registry's log: a second writer fences the first."""

LANE_VIEWS = 50
"""As many own views a lane serves: a transaction makes a request for each partition of each of them."""


def lane_group(ecosystem: str, topic: str, lane: int = 0) -> str:
    """Return the consumer group of a lane of a provider topic; lane 0 is the one that every dataset has."""
    group = f"penstock.{ecosystem}.exchange.{topic}"
    return f"{group}.lane-{lane}" if lane else group


def slot_name(dataset: str, number: int, lane: int = 0) -> str:
    """Return what a slot's process is called: role, dataset, lane where it is not the first, number."""
    place = f"{dataset}.lane-{lane}" if lane else dataset
    return f"exchange-{place}-{number}"


def source_id(ecosystem: str, source: str) -> str:
    """Return the transactional id of a source's publisher."""
    return f"penstock.{ecosystem}.connectors.{source}"
