"""What `make` says on a machine that lacks something: one sentence that names it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKE = shutil.which("make") or "/usr/bin/make"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As much of a clone as setting up looks at, without `.venv`."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "schemas").mkdir()
    (tmp_path / "src" / "penstock").mkdir(parents=True)
    (tmp_path / "src" / "penstock" / "schemas").symlink_to("../../schemas")
    return tmp_path


def make(clone: Path, python: Path) -> "subprocess.CompletedProcess[str]":
    command = [MAKE, f"PYTHON={python}", "test"]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)


def python_that_fails_on(clone: Path, words: str) -> Path:
    fake = clone / "python"
    fake.write_text(f'#!/bin/sh\ncase "$*" in *"{words}"*) exit 1 ;; esac\nexec {sys.executable} "$@"\n')
    fake.chmod(0o755)
    return fake


def test_a_missing_ensurepip_names_the_package(clone: Path) -> None:
    done = make(clone, python_that_fails_on(clone, "import ensurepip"))
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == (
        "penstock: this Python has no ensurepip: install the package python3-venv (apt-get install python3-venv)"
    )
    assert not (clone / ".venv").exists()


def test_a_python_too_old_is_named(clone: Path) -> None:
    done = make(clone, python_that_fails_on(clone, "version_info"))
    assert done.returncode != 0
    assert done.stderr.startswith("penstock: Python 3.11 or newer is needed")


def test_a_clone_without_symbolic_links_says_so(clone: Path) -> None:
    link = clone / "src" / "penstock" / "schemas"
    link.unlink()
    link.write_text("../../schemas")
    done = make(clone, Path(sys.executable))
    assert done.returncode != 0
    assert done.stderr.startswith("penstock: this clone has no symbolic links")
