"""The demonstration: an example ecosystem in a directory of its own, fed by its generator, run by `penstock up`.

`python examples/demo.py EXAMPLE [--once]`. State stays in `.build/demo/EXAMPLE` between runs.
"""

import argparse
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EVENTS = 20_000
RATE = 500


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
    return once(source, directory) if arguments.once else live(source, directory)


def copy(source: Path, directory: Path) -> None:
    """Copy the documents; what running left in `directory` before stays."""
    shutil.copytree(source, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "__pycache__"))


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


def default_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def up(directory: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "penstock", "up", str(directory), *options]


if __name__ == "__main__":
    sys.exit(main())
