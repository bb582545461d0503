"""The crates of the compiled back end are pinned by checksum, and what is committed names no registry."""

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "native"
PIN = re.compile(r"[a-z0-9_-]+ \d+\.\d+\.\d+\S* [0-9a-f]{64}")
PACKAGE = '[[package]]\nname = "{}"\nversion = "{}"\nsource = "registry+somewhere"\nchecksum = "{}"\n'


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`native/lock.py` with a lock of its own, which is there already."""
    spec = importlib.util.spec_from_file_location("native_lock", NATIVE / "lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "LOCK", tmp_path / "Cargo.lock")
    monkeypatch.setattr(module, "cargo", lambda *_: locked(module, [("aes", "0.9.2", "b" * 64)]))
    return module


def locked(module: ModuleType, crates: list[tuple[str, str, str]]) -> None:
    module.LOCK.write_text("".join(PACKAGE.format(*one) for one in crates))


def test_every_crate_is_pinned_by_its_checksum() -> None:
    pins = (NATIVE / "crates.pins").read_text().splitlines()
    assert all(PIN.fullmatch(one) for one in pins)
    assert pins == sorted(pins)
    direct = re.findall(r'^([a-z0-9-]+) = \{ version = "=(\S+)"', (NATIVE / "Cargo.toml").read_text(), re.MULTILINE)
    assert len(direct) == 4
    assert all(any(pin.startswith(f"{name} {version} ") for pin in pins) for name, version in direct)


def test_no_file_of_it_names_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files", "native"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    files = listed.stdout.split()
    assert not any(name.endswith("Cargo.lock") for name in files)
    assert not [name for name in files if "://" in (ROOT / name).read_text()]


def test_a_crate_that_is_another_is_refused(lock: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    locked(lock, [("aes", "0.9.2", "a" * 64)])
    lock.PINS = lock.LOCK.with_name("pins")
    lock.PINS.write_text(f"aes 0.9.2 {'a' * 64}\n")
    assert lock.main() == 0
    lock.PINS.write_text(f"aes 0.9.2 {'c' * 64}\n")
    assert lock.main() == 1
    assert "the crate aes 0.9.2 is not the one" in capsys.readouterr().err
    assert not lock.LOCK.exists()
