"""Taking what a consumer has: the client's own `consume` waits until it has as many messages as were asked for."""

from confluent_kafka import Consumer, Message


def take(consumer: Consumer, limit: int, wait_s: float) -> list[Message]:
    """Return what is there, at most `limit` messages, errors among them; wait up to `wait_s` for the first only."""
    first = consumer.consume(1, wait_s)
    return first + consumer.consume(limit - 1, 0) if first and limit > 1 else first
