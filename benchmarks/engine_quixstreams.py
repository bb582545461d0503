"""The engine `quixstreams`: a streaming data frame, exactly once. Runs in an environment of its own."""

import sys
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")

from order import Order, read_order  # noqa: E402 - after the warnings are quiet
from peer_work import Made, PeerWork  # noqa: E402
from quixstreams import Application, MessageContext, message_context  # noqa: E402
from quixstreams.models.serializers import SerializationContext, Serializer  # noqa: E402


class Third(Serializer):
    """Gives the bytes of what is already made."""

    def __call__(self, value: Made, ctx: SerializationContext) -> bytes:  # noqa: ARG002 - the framework's signature
        return value[2]


def main() -> None:
    order = read_order(sys.argv[1])
    application(order, PeerWork(order)).run()


def application(order: Order, work: PeerWork) -> Application:
    settings = order.settings
    app = Application(
        broker_address=order.bootstrap,
        consumer_group=order.group,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=settings.get("commit_s", 0.25),
        commit_every=settings.get("records", 0),
        auto_create_topics=False,
        use_changelog_topics=False,
        loglevel="ERROR",
        state_dir=str(Path(order.folder) / order.group),
        consumer_extra_config={"socket.nagle.disable": True, "fetch.wait.max.ms": 50},
        producer_extra_config={
            "socket.nagle.disable": True,
            "linger.ms": settings.get("linger_ms", 5),
            "compression.type": settings.get("compression", "lz4"),
            "queue.buffering.max.messages": 400_000,
        },
    )
    names = [*(view.topic for view in order.views), order.disclosures]
    sinks = {name: app.topic(name, value_serializer=Third()) for name in names}
    source = app.topic(order.topic, value_deserializer="bytes")

    def protect(value: bytes, *_: Any) -> list[Made]:
        here: MessageContext = message_context()
        return work(value, f"{here.topic}/{here.partition}/{here.offset}")

    frame = app.dataframe(source).apply(protect, expand=True)
    frame.to_topic(lambda made, *_: sinks[made[0]], key=lambda made: made[1])
    return app


if __name__ == "__main__":
    main()
