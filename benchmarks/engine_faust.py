"""The engine `faust`: faust-streaming, one agent, in its usual manner (at least once: see docs/performance.md)."""

import logging
import sys
from pathlib import Path

import faust
from order import Order, read_order
from peer_work import PeerWork


def main() -> None:
    order = read_order(sys.argv[1])
    app = make(order, PeerWork(order))
    faust.Worker(app, loglevel=logging.WARNING, blocking_timeout=30.0).execute_from_commandline()


def make(order: Order, work: PeerWork) -> faust.App:
    settings = order.settings
    app = faust.App(
        order.group,
        broker=f"kafka://{order.bootstrap}",
        store="memory://",
        datadir=str(Path(order.folder) / order.group),
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=settings.get("commit_s", 0.5),
        broker_commit_every=settings.get("commit_every", 10_000),
        broker_max_poll_records=settings.get("records"),
        stream_buffer_maxsize=settings.get("buffer", 4_096),
        producer_linger=settings.get("linger_ms", 5) / 1000,
        producer_compression_type=settings.get("compression"),
        producer_max_batch_size=settings.get("batch_bytes", 262_144),
    )
    raw = {"key_serializer": "raw", "value_serializer": "raw", "key_type": bytes, "value_type": bytes}
    source = app.topic(order.topic, **raw)
    names = [*(view.topic for view in order.views), order.disclosures]
    sinks = {name: app.topic(name, **raw) for name in names}

    @app.agent(source)
    async def protect(stream: faust.Stream) -> None:
        async for event in stream.events():
            message = event.message
            place = f"{message.topic}/{message.partition}/{message.offset}"
            for topic, key, value in work(event.value, place):
                await sinks[topic].send(key=key, value=value)

    return app


if __name__ == "__main__":
    main()
