"""The command that `penstock up --feed` runs: told where to publish, ended with `up`; its failure is that of `up`."""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..schemas.connectors import SourceDocument
from ..schemas.errors import ConfigurationError, PenstockError, UnavailableError
from .documents.load import Documents
from .health import health_of
from .processes import dying_with_parent, read_status
from .slot import RoleState
from .wiring import Wiring

READY_S = 120.0
STOP_S = 3.0
TICK_S = 0.1
_ANSWER_S = 1.0
_TOKEN_DAYS = 1
_TAIL_BYTES = 4096


class Feed:
    """The running command. What it writes goes to `log`."""

    def __init__(self, argv: list[str], env: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                dying_with_parent(argv),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def ended(self) -> bool:
        """Say whether the command ended by itself. Raises PenstockError, with its exit code, when it failed."""
        code = self._process.poll()
        if not code:
            return code == 0
        failure = PenstockError(f"the feed ended with exit code {code}: {self._last_line()}", place=str(self._log))
        failure.exit_code = code if code > 0 else 128 - code
        raise failure

    def stop(self) -> None:
        """End the command and what it started."""
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, 9)
        self._process.wait()

    def _last_line(self) -> str:
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


@contextmanager
def feeding(
    command: str, documents: Documents, wiring: Wiring, roles: Callable[[], Iterable[RoleState]]
) -> Iterator[Feed | None]:
    """Run `command` once every source takes what comes; an empty one is none. It is ended at the end of the block.

    Its environment says where to publish: PENSTOCK_HTTP_<SOURCE>, a URL; PENSTOCK_MQTT_<SOURCE>, host and port;
    PENSTOCK_TOKEN_<MEMBER> of each provider, good for a day; PENSTOCK_RUN, where the roles' ports stand.

    Raises ConfigurationError for what is no command or a source that cannot run, UnavailableError for one that does not
    take anything in time.
    """
    if not command:
        yield None
        return
    argv = _argv(command)
    places = _places(documents, wiring.home.run, roles)
    tokens = wiring.tokens()
    issued = {
        member: tokens.issue(member, _TOKEN_DAYS, scope="publish", label="up --feed")
        for member in sorted({one.provider for one in documents.contracts.values()})
    }
    env = {**os.environ, **places, **{_variable("TOKEN", member): token for member, token in issued.items()}}
    feed = Feed(argv, {**env, "PENSTOCK_RUN": str(wiring.home.run)}, wiring.home.run / "feed.log")
    try:
        yield feed
    finally:
        feed.stop()
        for token in issued.values():
            tokens.revoke(token)


def _argv(command: str) -> list[str]:
    try:
        program, *rest = shlex.split(command)
    except ValueError as error:
        raise ConfigurationError(f"--feed is no command: {error}", remedy="quote it as a shell would") from None
    found = shutil.which(program)
    if found is None:
        raise ConfigurationError(f"--feed names no program: {program}", remedy="write its path")
    return [str(Path(found).absolute()), *rest]


def _places(documents: Documents, run: Path, roles: Callable[[], Iterable[RoleState]]) -> dict[str, str]:
    """Return where each source takes what comes, by variable. Waits until every one does."""
    deadline = time.monotonic() + READY_S
    places: dict[str, str] = {}
    for source in documents.connectors.sources:
        while (facts := _ready(source, run)) is None:
            _refuse_failed(source.id, roles())
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"the source {source.id} takes nothing after {READY_S:.0f} s",
                    place=str(run / f"connectors-{source.id}.log"),
                    remedy="see its log",
                )
            time.sleep(TICK_S)
        if source.kind == "http":
            places[_variable("HTTP", source.id)] = str(facts["url"])
        elif source.kind == "mqtt":
            places[_variable("MQTT", source.id)] = _address(source.options)
    return places


def _refuse_failed(source: str, roles: Iterable[RoleState]) -> None:
    for role in roles:
        if role.name == f"connectors-{source}" and role.state == "failed":
            raise ConfigurationError(f"the source {source} cannot run: {role.reason}")


def _ready(source: SourceDocument, run: Path) -> Mapping[str, Any] | None:
    """Return what a source's status file says, None while the source does not run."""
    facts = read_status(run / f"connectors-{source.id}.json") or {}
    port = facts.get("port")
    if not isinstance(port, int) or health_of(port, _ANSWER_S).get("state") != "running":
        return None
    return facts if source.kind != "http" or facts.get("url") else None


def _address(options: Mapping[str, Any]) -> str:
    """Return the MQTT broker of a source, which reads its options likewise."""
    variable = str(options.get("address_env", ""))
    return os.environ[variable] if variable else f"{options['host']}:{options.get('port') or 1883}"


def _variable(what: str, name: str) -> str:
    return f"PENSTOCK_{what}_{name.upper().replace('-', '_')}"
