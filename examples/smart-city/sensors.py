"""Kaldvere's sensors and its citizens' application: air and parking over MQTT, traffic and incident reports over HTTP.

    penstock up DIR --feed "python sensors.py --rate 400"           # until stopped
    penstock up DIR --once --feed "python sensors.py -n 20000"      # so many readings, then end
    penstock up DIR --feed "python sensors.py --flood 20000"        # traffic readings alone, for a benchmark

One of ten is sent again, some are late or out of range, a few are spoilt, and one firmware sends a field that nobody
classified. When it ends it prints what it sent, with --json as JSON; it ends when Penstock has taken all of it.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from city import AIR, DATASETS, INCIDENTS, PARKING, TRAFFIC, City, Message, Tally, day_of, iso
from wires import Http, Mqtt, NotTakenError, Taken

BATCH = 500
FLUSH_S = 0.5
CALLERS = 8
MEMBER = "city"


class Sensors:
    """Sends messages each its way. What is of one sensor stays in order; reports come from many people at once."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._taken = Taken((AIR, PARKING))
        self._mqtt = {source: Mqtt(source) for source in (AIR, PARKING)}
        self._traffic, self._reports = Http(TRAFFIC, TRAFFIC, MEMBER), Http(INCIDENTS, INCIDENTS, MEMBER)
        self._lines: list[bytes] = []
        self._flushed = time.monotonic()
        self._in_order, self._callers = ThreadPoolExecutor(1), ThreadPoolExecutor(CALLERS)
        self._open = threading.BoundedSemaphore(10 * CALLERS)
        self._answers: list[Future[Any]] = []

    def send(self, message: Message) -> None:
        self.tally.add(message)
        if message.dataset in self._mqtt:
            self._mqtt[message.dataset].send(message.topic, message.body)
        elif message.dataset == TRAFFIC:
            self._lines.append(message.body)
        else:
            self._later(self._callers, self._reports.post, message.body)
        if len(self._lines) >= BATCH or time.monotonic() - self._flushed > FLUSH_S:
            self._flush()

    def finish(self) -> None:
        """Return when all that was sent is taken. Raises NotTakenError when it is not."""
        self._flush()
        for answer in self._answers:
            answer.result()
        for source, mqtt in self._mqtt.items():
            mqtt.finish()
            self._taken.wait(source, self.tally.messages(source))

    def close(self) -> None:
        for mqtt in self._mqtt.values():
            mqtt.close()
        for crowd in (self._in_order, self._callers):
            crowd.shutdown(wait=False, cancel_futures=True)

    def _flush(self) -> None:
        self._flushed = time.monotonic()
        if self._lines:
            self._later(self._in_order, self._traffic.post_lines, self._lines)
            self._lines = []

    def _later(self, crowd: ThreadPoolExecutor, post: Any, body: Any) -> None:
        """Post in the background, a bounded number at once."""
        self._open.acquire()
        answer = crowd.submit(post, body)
        answer.add_done_callback(lambda _: self._open.release())
        waiting = []
        for one in self._answers:
            if one.done():
                one.result()
            else:
                waiting.append(one)
        self._answers = [*waiting, answer]


def paced(messages: Iterable[Message], rate: float) -> Iterator[Message]:
    """Yield messages at `rate` a second."""
    started = time.monotonic()
    for number, message in enumerate(messages):
        time.sleep(max(0.0, started + number / rate - time.monotonic()))
        yield message


def flood(rate: int, seconds: float, seed: int) -> dict[str, float]:
    """Send `rate` traffic readings a second, in batches; return how many were taken, and in which time."""
    to, city = Http(TRAFFIC, TRAFFIC, MEMBER), City(seed, now_ms)
    made = (one.row for one in city.messages(resent=0, faulty=0) if one.dataset == TRAFFIC and not one.oddity)
    rows = [row for row, _ in zip(made, range(BATCH), strict=False) if row]
    started, sent = time.monotonic(), 0
    with ThreadPoolExecutor(CALLERS) as crowd:
        answers: list[Future[Any]] = []
        while time.monotonic() - started < seconds:
            answers.append(crowd.submit(to.post_lines, [*repeated(rows, sent)]))
            sent += BATCH
            time.sleep(max(0.0, started + sent / rate - time.monotonic()))
        taken = sum(answer.result()["accepted"] for answer in answers)
    return {"offered": sent, "taken": taken, "seconds": round(time.monotonic() - started, 3)}


def repeated(rows: list[dict[str, Any]], first: int) -> Iterator[bytes]:
    """Yield readings as of now that differ from `rows` in their ids and times only: making new ones takes longer."""
    at_ms = now_ms()
    times = {"dateObservedFrom": iso(at_ms), "dateObservedTo": iso(at_ms)}
    for number, row in enumerate(rows, first):
        yield json.dumps({**row, "observationId": f"{row['id']}:{at_ms}:{number}", **times}).encode()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def said(tally: Tally, *, as_json: bool) -> str:
    """Return what was sent, for a person or for a program."""
    if as_json:
        return json.dumps(tally.as_json())
    lines = []
    for dataset in DATASETS:
        odd = ", ".join(f"{count} {word}" for word, count in sorted(tally.odd[dataset].items()))
        parts = [f"{dataset}: {tally.good[dataset]} sent", f"{tally.resent[dataset]} of them twice", odd]
        parts += [f"{tally.unclassified[dataset]} with an unclassified field"] if tally.unclassified[dataset] else []
        parts += [f"{tally.faulty[dataset].total()} spoilt"] if tally.faulty[dataset] else []
        lines.append(", ".join(part for part in parts if part))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Let the sensors and the citizens of Kaldvere speak.")
    parser.add_argument("-n", type=int, help="how many readings (default: until interrupted, which needs --rate)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at", type=int, metavar="MS", help="when the last of -n readings is (default: now)")
    parser.add_argument("--rate", type=float, help="readings a second (default: as fast as they are taken)")
    parser.add_argument("--resent", type=float, default=0.1, metavar="PART", help="how much is sent again")
    parser.add_argument("--faulty", type=float, default=0.005, metavar="PART", help="how much is spoilt")
    parser.add_argument("--flood", type=int, metavar="RATE", help="traffic readings alone, so many a second")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long the flood lasts")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.n is None and not args.rate and not args.flood:
        parser.error("without -n, say how fast: --rate 400")
    try:
        if args.flood:
            print(json.dumps(flood(args.flood, args.seconds, args.seed)))
            return 0
        return run(args)
    except NotTakenError as problem:
        print(f"sensors: {problem}", file=sys.stderr)
        return 4


def run(args: argparse.Namespace) -> int:
    parts = {"resent": args.resent, "faulty": args.faulty}
    endless = City(args.seed, now_ms).messages(**parts)
    messages = endless if args.n is None else day_of(args.n, args.seed, args.at or now_ms(), **parts)
    sensors = Sensors()
    try:
        for message in paced(messages, args.rate) if args.rate else messages:
            sensors.send(message)
        sensors.finish()
    except KeyboardInterrupt:
        return 130
    finally:
        sensors.close()
    print(said(sensors.tally, as_json=args.json))
    return 0


if __name__ == "__main__":
    sys.exit(main())
