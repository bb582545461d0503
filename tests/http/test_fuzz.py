"""The description that a source gives of itself, and the source by the description: schemathesis, with every check."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.broker

HERE = Path(__file__).parent
EXAMPLES = os.environ.get("PENSTOCK_FUZZ_EXAMPLES", "40")


def test_schemathesis_finds_no_failure(role, tmp_path):
    """`PENSTOCK_FUZZ_EXAMPLES=2000 PENSTOCK_FUZZ_SEED=7` make it a long run of another seed."""
    (tmp_path / "schemathesis.toml").write_text(f'hooks = "{HERE / "fuzz_hooks.py"}"\n')
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run", f"{role.url}/openapi.json"),
            *("--header", f"Authorization: Bearer {role.token}", "--checks", "all", "--continue-on-failure"),
            *("--max-examples", EXAMPLES, "--seed", os.environ.get("PENSTOCK_FUZZ_SEED", "1")),
            *("--phases", "examples,coverage,fuzzing"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=float(os.environ.get("PENSTOCK_FUZZ_SECONDS", "200")),
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Tested: 2" in said, said
    assert role.client().ask("GET", "/v1/health").status == 200
