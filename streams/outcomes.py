"""What may become of a transaction beside its commit, and what the client's errors say about that."""

from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException

from ..schemas.errors import PenstockError, RoleExit, UnavailableError

CLIENT_ERRORS = (KafkaException, SystemError)
"""What a client's call may raise: a fatal error while it calls us back comes out as the second."""

_REPLACED = {
    KafkaError._FENCED,  # noqa: SLF001 - the client's own constant
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.PRODUCER_FENCED,
}
"""Another process holds the id, or the broker ended a transaction that took too long."""

_OUT_OF_STEP = {
    KafkaError.INVALID_TXN_STATE,
    KafkaError._STATE,  # noqa: SLF001 - the client's own constant
}
"""The broker's state is another than the client believes: no sign of a successor, whose epoch would be seen first."""


class TransactionAborted(PenstockError):  # noqa: N818 - a state that the caller acts on: rewind, do the work again
    """The transaction was aborted, nothing of it is visible to read_committed readers; do the work again."""


class TransactionOutdated(TransactionAborted):
    """What was decided may be out of date (law 7): decide again, at once; no record is to blame.

    `too_long`: it took too long to decide so much.
    """

    def __init__(self, message: str, *, too_long: bool = False) -> None:
        super().__init__(message)
        self.too_long = too_long


class NotTaken(TransactionAborted):
    """Kafka did not take every record. `topics`: which error for which topic, as far as it was said."""

    def __init__(self, topics: Mapping[str, str], *, place: str = "") -> None:
        said = ", ".join(f"{topic}: {error}" for topic, error in sorted(topics.items())) or "no topic was named"
        super().__init__(f"Kafka did not take every record ({said})", place=place)
        self.topics = dict(topics)


class TopicMissing(UnavailableError):  # noqa: N818 - says what is so, as its neighbours do
    """A topic, or its partition, does not exist: the record was not taken, its transaction can go on without it."""

    def __init__(self, topic: str, error: str) -> None:
        super().__init__("the topic or its partition does not exist", place=topic, remedy="penstock apply DIR")
        self.topics = {topic: error}


class InDoubt(RoleExit):
    """A transaction without a known outcome, or a client whose late requests could still hit the next one.

    Only a fresh incarnation of the transactional id may go on: the transaction runner makes one in its process, for
    everybody else this is a RoleExit.
    """


def error_in(failure: BaseException) -> KafkaError:
    """Return what the client said, also where a call of ours back from it hid that (then Python has a SystemError)."""
    found: BaseException | None = failure
    while found is not None:
        if isinstance(found, KafkaException):
            error: KafkaError = found.args[0]
            return error
        found = found.__cause__ or found.__context__
    return KafkaError(KafkaError._FATAL)  # noqa: SLF001 - the client's own constant


def weighed(error: KafkaError, place: str) -> PenstockError | None:
    """Return what a step's error means for its transaction; None: the same call is to be made again."""
    if error.code() in _REPLACED:
        return RoleExit(f"another process took over, or this one took too long ({error.name()})", place=place)
    if error.txn_requires_abort():
        return TransactionAborted(f"the transaction was aborted ({error.name()})", place=place)
    if error.code() in _OUT_OF_STEP:
        return InDoubt(f"client and broker disagree about the transaction ({error.name()})", place=place)
    if error.retriable() or error.code() == KafkaError._TIMED_OUT:  # noqa: SLF001 - the client's own constant
        return None
    return RoleExit(f"the producer cannot go on ({error.name()})", place=place)
