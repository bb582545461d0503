"""Makes Cargo.lock from `crates.pins`, and refuses any crate that is not the one that was pinned.

The lock itself would name the registry that it was made with, which is for each machine to choose. The pins name the
crates alone: name, version, SHA-256 of the crate as it is fetched.

    python native/lock.py           make the lock; ends with 1 where a crate is another than pinned
    python native/lock.py --pin     pin what Cargo.toml gives now
"""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK, PINS = HERE / "Cargo.lock", HERE / "crates.pins"
_PACKAGE = re.compile(r'name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(.+)"')

Pins = dict[tuple[str, str], str]
"""Checksums by name and version."""


def main() -> int:
    if "--pin" in sys.argv:
        cargo("generate-lockfile")
        PINS.write_text("".join(f"{name} {version} {sha256}\n" for (name, version), sha256 in sorted(locked().items())))
        return 0
    wanted = pinned()
    if not LOCK.exists() or locked() != wanted:
        LOCK.unlink(missing_ok=True)
        cargo("generate-lockfile")
        settle(wanted)
    return refused(wanted, locked())


def pinned() -> Pins:
    return {(name, version): sha256 for name, version, sha256 in map(str.split, PINS.read_text().splitlines())}


def locked() -> Pins:
    return {(name, version): sha256 for name, version, sha256 in _PACKAGE.findall(LOCK.read_text())}


def settle(wanted: Pins) -> None:
    """Set each crate to its pinned version, as often as one crate's choice moves another's."""
    for _ in range(3):
        have: dict[str, list[str]] = {}
        for name, version in locked().keys() - wanted.keys():
            have.setdefault(name, []).append(version)
        for name, version in sorted(wanted.keys() - locked().keys()):
            for other in have.get(name, []):
                cargo("update", f"{name}@{other}", "--precise", version)
        if locked().keys() == wanted.keys():
            return


def refused(wanted: Pins, found: Pins) -> int:
    wrong = sorted(one for one in wanted.keys() | found.keys() if wanted.get(one) != found.get(one))
    for name, version in wrong:
        print(f"penstock: the crate {name} {version} is not the one that native/crates.pins names", file=sys.stderr)
    if wrong:
        LOCK.unlink()
    return 1 if wrong else 0


def cargo(*words: str) -> None:
    command = ["cargo", *words, "--quiet", "--manifest-path", str(HERE / "Cargo.toml")]
    subprocess.run(command, check=words[0] == "generate-lockfile")


if __name__ == "__main__":
    sys.exit(main())
