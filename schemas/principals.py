"""Principals: who speaks to Kafka. One for each role's work and each member; a slug has no dot, so none is another."""

OPERATOR = "operator"
GATEWAY = "gateway"


def exchange_principal(dataset: str) -> str:
    """Return the principal of a dataset's exchange, all slots of it."""
    return f"exchange.{dataset}"


def connector_principal(source: str) -> str:
    """Return the principal of the role that reads a source."""
    return f"connector.{source}"


def member_principal(member: str) -> str:
    """Return the principal of a member: the one its own clients use."""
    return f"member.{member}"
