"""promtool: Debian's, asked as a command."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml


def needed(program: str) -> str:
    """The path of a program; without it the test is skipped, or fails under PENSTOCK_REQUIRE_ALL=1."""
    found = shutil.which(program)
    if found is None:
        said = f"{program} is not installed (apt-get install {'chromium' if program == 'chromium' else 'prometheus'})"
        if os.environ.get("PENSTOCK_REQUIRE_ALL") == "1":
            pytest.fail(said)
        pytest.skip(said)
    return found


def check_rules(rules: Path) -> str:
    """What promtool finds wrong with a rule file; nothing when it is fine."""
    return _said("check", "rules", "--lint=all", "--lint-fatal", str(rules))


def check_config(config: Path) -> str:
    return _said("check", "config", str(config))


def rehearse(folder: Path, rules: str, *tests: dict) -> str:
    """What `promtool test rules` finds wrong when `tests` (its own form) are played on `rules`."""
    (folder / "rules.yml").write_text(rules)
    said = {"rule_files": ["rules.yml"], "evaluation_interval": "15s", "tests": list(tests)}
    (folder / "tests.yml").write_text(yaml.safe_dump(said))
    return _said("test", "rules", str(folder / "tests.yml"))


def _said(*words: str) -> str:
    done = subprocess.run([needed("promtool"), *words], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr
