"""Does a flood on one dataset delay another? Incident reports, one after another, alone and beside a flood of readings.

Runs the smart city with its two HTTP sources on this machine. A report's time is from sending it to reading its view
record as a committed one with a stock consumer. Both cases take turns. The flood is sent at a fixed rate whatever the
city answers, each batch once: what is more than its source's stated rate, or than it can take, it refuses (429).

    python benchmarks/bulkhead.py [--seconds N] [--rounds N] [--rate N] [--limit N] [--pace S]
"""

import argparse
import json
import math
import multiprocessing
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from confluent_kafka import Consumer

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "smart-city"
sys.path.insert(0, str(EXAMPLE))

VIEW, READER = "view.incidents-command", "command"
BATCH = 500
CALLERS = 96
"""At 40 batches a second, so many are on their way when each is answered within 2.4 s."""
PATIENCE_S = 30.0
TOO_MANY, UNKNOWN = 429, 503
CONNECTORS = """\
version: 1
sources:
  - {id: traffic-flow, kind: http, dataset: traffic-flow, options: {rate_per_second: RATE}}
  - {id: incident-reports, kind: http, dataset: incident-reports}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each case lasts in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=20_000, help="readings a second that the flood offers")
    parser.add_argument("--limit", type=int, default=3_000, help="`rate_per_second` of the flooded source; 0: none")
    parser.add_argument("--pace", type=float, default=0.25, help="seconds from one report to the next")
    parser.add_argument("--probe", metavar="DIR", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.probe:
        print(json.dumps(Probe(Path(arguments.probe), arguments).measured()))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder) / "city", arguments)))


def measure(directory: Path, arguments: argparse.Namespace) -> Any:
    """Run the city with this file's probe as its feed; return what the probe says."""
    shutil.copytree(EXAMPLE, directory, ignore=shutil.ignore_patterns("*.py", "__pycache__", ".penstock"))
    (directory / "connectors.yaml").write_text(CONNECTORS.replace("RATE", str(arguments.limit)))
    options = [f"--{name}={getattr(arguments, name)}" for name in ("seconds", "rounds", "rate", "pace")]
    probe = shlex.join([sys.executable, __file__, f"--probe={directory}", *options])
    command = [sys.executable, "-m", "penstock", "up", str(directory), "--once", "--json", "--feed", probe]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads((directory / ".penstock" / "run" / "feed.log").read_text().splitlines()[-1])


class Probe:
    """Sends reports one after another and waits for each to be readable."""

    def __init__(self, directory: Path, arguments: argparse.Namespace) -> None:
        from city import INCIDENTS, TRAFFIC, City
        from wires import Http

        self._arguments = arguments
        messages = City(7, lambda: time.time_ns() // 1_000_000).messages(resent=0, faulty=0)
        self._reports = (one.body for one in messages if one.dataset == INCIDENTS)
        self._reading = next(one.body for one in messages if one.dataset == TRAFFIC)
        self._post = Http(INCIDENTS, INCIDENTS, "city")
        self._consumer = Consumer(
            {
                **client_of(directory),
                "group.id": f"{READER}.bulkhead",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 10,
            }
        )
        self._consumer.subscribe([VIEW])

    def measured(self) -> dict[str, Any]:
        """Return both cases' times in milliseconds, and how much of the flood was taken."""
        self._times(5.0)  # everybody has connected, and compiled what there is to compile
        alone: list[float] = []
        flooded: list[float] = []
        flood: Counter[str] = Counter()
        for _ in range(self._arguments.rounds):
            alone += self._times(self._arguments.seconds)
            with Flood(self._reading, self._arguments.rate) as running:
                flooded += self._times(self._arguments.seconds)
            flood += running.became
        return {
            "alone_ms": told(alone),
            "flooded_ms": told(flooded),
            "p99_ratio": round(percentile(flooded, 99) / percentile(alone, 99), 2),
            **{f"flood_{word}_per_s": round(flood[word] / flood["seconds"]) for word in FATES},
        }

    def _times(self, seconds: float) -> list[float]:
        until, times = time.monotonic() + seconds, []
        while time.monotonic() < until:
            began = time.monotonic()
            times.append(self._time(next(self._reports)))
            time.sleep(max(0.0, began + self._arguments.pace - time.monotonic()))
        return times

    def _time(self, report: bytes) -> float:
        """Return the milliseconds from sending a report until it can be read."""
        sent = time.monotonic()
        poster = threading.Thread(target=self._post.post, args=(report,))
        poster.start()
        while (message := self._consumer.poll(0.1)) is None or message.error() is not None:
            if time.monotonic() - sent > PATIENCE_S:
                raise TimeoutError(f"a report is not readable after {PATIENCE_S:.0f} s")
        readable = (time.monotonic() - sent) * 1000
        poster.join()
        return readable


FATES = ("sent", "taken", "refused", "unanswered", "unsent")
"""What becomes of a flood's readings; `unsent`: all callers were waiting for answers."""


class Flood:
    """Sends readings at a rate while its block lasts, from a process of its own.

    `became`: how many of them had each of the FATES, and in how many seconds.
    """

    def __init__(self, reading: bytes, rate: int) -> None:
        self.became: Counter[str] = Counter()
        context = multiprocessing.get_context("spawn")
        self._over, self._answer = context.Event(), context.Queue()
        self._process = context.Process(target=flood, args=(reading, rate, self._over, self._answer))

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.became = self._answer.get(timeout=PATIENCE_S)
        self._process.join()


def flood(reading: bytes, rate: int, over: Any, answer: Any) -> None:
    """Post batches of `reading`, each with an id of its own, until `over`; answer what became of them."""
    from city import TRAFFIC
    from wires import Http

    to, became, due = Http(TRAFFIC, TRAFFIC, "city"), Counter[str](), 0
    event, mark = json.loads(reading)["id"].encode(), uuid.uuid4().hex.encode()
    free = threading.Semaphore(CALLERS)

    def offer(first: int) -> tuple[int, int]:
        try:
            ids = range(first, first + BATCH)
            return to.offer_lines([reading.replace(event, b"%s-%s-%d" % (event, mark, number)) for number in ids])
        finally:
            free.release()

    with ThreadPoolExecutor(CALLERS) as crowd:
        started, answers = time.monotonic(), []
        while not over.wait(max(0.0, started + due / rate - time.monotonic())):
            if free.acquire(blocking=False):
                answers.append(crowd.submit(offer, due))
            else:
                became["unsent"] += BATCH
            due += BATCH
        became["seconds"] = math.ceil(time.monotonic() - started)
    for status, accepted in (one.result() for one in answers):
        became["sent"] += BATCH
        became["taken"] += accepted
        became["refused"] += BATCH * (status == TOO_MANY)
        became["unanswered"] += BATCH * (status in {0, UNKNOWN})
    answer.put(became)


def client_of(directory: Path) -> dict[str, str]:
    """Return how the command centre connects, as `penstock up` left it."""
    run, credentials = directory / ".penstock" / "run", directory / ".penstock" / "credentials"
    return {
        "bootstrap.servers": json.loads((run / "broker.json").read_text())["bootstrap"],
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": f"member.{READER}",
        "sasl.password": (credentials / f"member.{READER}").read_text().strip(),
    }


def percentile(times: list[float], percent: int) -> float:
    """Return the nearest-rank percentile."""
    return sorted(times)[math.ceil(len(times) * percent / 100) - 1]


def told(times: list[float]) -> dict[str, Any]:
    return {f"p{percent}": round(percentile(times, percent), 1) for percent in (50, 95, 99)} | {"n": len(times)}


if __name__ == "__main__":
    main()
