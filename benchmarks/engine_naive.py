"""The engine `naive`: confluent-kafka, fastavro and cryptography in a plain loop, exactly once by transactions."""

import json

from confluent_kafka import Message
from order import told
from peer_work import Made, PeerWork
from plain_loop import PlainLoop


def main() -> None:
    order, stop = told()
    work = PeerWork(order)

    def produced(message: Message) -> list[Made]:
        return work(message.value() or b"", f"{order.topic}/{message.partition()}/{message.offset()}")

    PlainLoop(order, produced, lambda count: b"\x01" + json.dumps({"events": count}).encode()).run(stop)


if __name__ == "__main__":
    main()
