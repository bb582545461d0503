"""The house itself: one name a module, a lock without addresses, no file out of its room."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("schemas", "processors", "streams", "connectors", "ops")


def test_no_file_is_loaded_under_two_module_names() -> None:
    program = """
import importlib, pkgutil, sys, collections, os
import penstock
for module in pkgutil.walk_packages(penstock.__path__, "penstock."):
    if module.name != "penstock.__main__":
        importlib.import_module(module.name)
seen = collections.defaultdict(set)
for name, module in list(sys.modules.items()):
    file = getattr(module, "__file__", None)
    if file and name.split(".")[0] in {"penstock", "schemas", "processors", "streams", "connectors", "ops", "main"}:
        seen[os.path.realpath(file)].add(name)
assert len(seen) > 40, len(seen)
twice = {file: names for file, names in seen.items() if len(names) > 1}
assert not twice, twice
"""
    done = subprocess.run([sys.executable, "-c", program], cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_imports_nothing_of_it() -> None:
    program = "import sys, penstock; print([name for name in sys.modules if name.startswith('penstock.')])"
    done = subprocess.run([sys.executable, "-c", program], cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_rooms_are_links_into_the_repository() -> None:
    for name in (*ROOMS, "__init__.py"):
        link = ROOT / "src" / "penstock" / name
        assert link.is_symlink()
        assert link.resolve() == ROOT / name


def test_the_lock_is_hashed_and_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"^([a-zA-Z0-9_.-]+)==", lock, re.MULTILINE)
    assert len(pins) > 50
    assert lock.count("--hash=sha256:") >= len(pins)
    assert "://" not in lock
    assert not re.search(r"^\s*--(index|extra-index|find-links)", lock, re.MULTILINE)


def test_the_lock_holds_the_versions_that_belong_together() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    for pin in ("confluent-kafka==2.16.1", "faust-streaming==0.15.3", "aiokafka==0.14.0"):
        assert re.search(rf"^{re.escape(pin)} ", lock, re.MULTILINE), pin
    assert re.search(r"^cramjam==", lock, re.MULTILINE)
