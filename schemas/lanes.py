"""Names that a lane goes by: group, slot, transactional id. They appear in Kafka, so they are promises."""


def lane_group(ecosystem: str, topic: str) -> str:
    """Return the consumer group of a provider topic's common lane."""
    return f"penstock.{ecosystem}.exchange.{topic}"


def source_id(ecosystem: str, source: str) -> str:
    """Return the transactional id of a source's publisher."""
    return f"penstock.{ecosystem}.connectors.{source}"
