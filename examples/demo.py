"""The demonstration: an example ecosystem in a directory of its own, fed by its generator, run by `penstock up`.

`python examples/demo.py EXAMPLE [--once]`. State stays in `.build/demo/EXAMPLE` between runs. An example with
`sensors.py` is fed over the network, by `penstock up --feed` and an MQTT broker; others by files of `generate.py`.
"""

import argparse
import contextlib
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from mqtt_broker import MqttBroker

from penstock.ops.documents.load import load
from penstock.ops.documents.register_key import register_key
from penstock.ops.home import Home
from penstock.ops.recipient_keys import new_key, read_key

ROOT = Path(__file__).resolve().parents[1]
EVENTS = 20_000
RATE = 500
VALID = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("example")
    parser.add_argument("--once", action="store_true")
    arguments = parser.parse_args()
    source = ROOT / "examples" / arguments.example
    if not (source / "ecosystem.yaml").exists():
        names = sorted(path.parent.name for path in source.parent.glob("*/ecosystem.yaml"))
        print(f"there is no example {arguments.example}; there is: {', '.join(names)}", file=sys.stderr)
        return 3
    directory = ROOT / ".build" / "demo" / arguments.example
    copy(source, directory)
    seal(directory)
    if (source / "sensors.py").exists():
        try:
            return fed(source, directory, once=arguments.once)
        except RuntimeError as problem:
            print(problem, file=sys.stderr)
            return 4
    return once(source, directory) if arguments.once else live(source, directory)


def copy(source: Path, directory: Path) -> None:
    """Copy the documents; what running left in `directory` before stays."""
    shutil.copytree(source, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "__pycache__"))


def seal(directory: Path) -> None:
    """Give each recipient of encrypted fields a sealing key: in earnest each makes its own, on its own machine.

    The private halves stay in `directory` between runs, where `penstock read --in` finds them.
    """
    for member in load(directory).charter.members:
        if member.unsealed_keys is not None:
            folder = Home(directory).recipient_keys(member.id)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = folder / "demo.key"
            key = read_key(file) if file.exists() else new_key(member.id, "demo", file)
            register_key(directory, member.id, key.registered(*VALID))


def generate(source: Path, directory: Path, *options: str) -> list[str]:
    return [sys.executable, str(source / "generate.py"), "--out", str(directory / "inbox"), *options]


def once(source: Path, directory: Path) -> int:
    """Publish another EVENTS events, deliver them, end with the summary as the last line."""
    seed = 1 + sum(1 for _ in (directory / "inbox").rglob("done/*"))
    command = generate(source, directory, "-n", str(EVENTS), "--seed", str(seed))
    subprocess.run(command, check=True, stdout=sys.stderr)
    return subprocess.run(up(directory, "--once", "--json"), check=False).returncode


def live(source: Path, directory: Path) -> int:
    """Feed the ecosystem RATE events a second and show it until Ctrl-C."""
    generator = subprocess.Popen(
        generate(source, directory, "--rate", str(RATE)), stdout=subprocess.DEVNULL, start_new_session=True
    )
    # Ctrl-C reaches this process and `up` alike; `up` ends by itself, and is waited for.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return subprocess.run(up(directory), check=False, preexec_fn=default_interrupt).returncode
    finally:
        generator.terminate()
        generator.wait()


def fed(source: Path, directory: Path, *, once: bool) -> int:
    """Let the sensors speak: EVENTS readings and a summary, or RATE a second until Ctrl-C."""
    amount = ["-n", str(EVENTS), "--seed", str(time.time_ns() % 1_000_000)] if once else ["--rate", str(RATE)]
    feed = shlex.join([sys.executable, str(source / "sensors.py"), *amount])
    options = ["--once", "--json"] if once else []
    with mqtt(directory) as env:
        # Ctrl-C reaches this process and `up` alike; `up` ends by itself, and is waited for.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        command = [*up(directory, *options), "--feed", feed]
        code = subprocess.run(command, check=False, env=env, preexec_fn=default_interrupt).returncode
        said = directory / ".penstock" / "run" / "feed.log"
        if once and said.exists():
            print(said.read_text(), end="", file=sys.stderr)
        return code


@contextlib.contextmanager
def mqtt(directory: Path) -> Iterator[dict[str, str]]:
    """Run an MQTT broker; give the environment in which the city's sources and sensors find it."""
    users = {"penstock": secrets.token_urlsafe(16), "sensors": secrets.token_urlsafe(16)}
    with MqttBroker(directory / "mqtt", users) as broker:
        yield {
            **os.environ,
            "KALDVERE_MQTT": f"127.0.0.1:{broker.port}",
            "KALDVERE_MQTT_USER": "penstock",
            "KALDVERE_MQTT_PASSWORD": users["penstock"],
            "KALDVERE_MQTT_SENSOR_USER": "sensors",
            "KALDVERE_MQTT_SENSOR_PASSWORD": users["sensors"],
        }


def default_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def up(directory: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "penstock", "up", str(directory), *options]


if __name__ == "__main__":
    sys.exit(main())
