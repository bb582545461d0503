"""Every command and panel that a page names is there, under the options and arguments with which it is named."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from penstock.ops.cli.app import app
from penstock.ops.dashboards.all import DASHBOARDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *(one for one in sorted((ROOT / "docs").glob("*.md")) if one.name != "wire.md")]
COMMAND = re.compile(r"`penstock ([^`\n]*)`|^(?:\$ )?(?:\.venv/bin/)?penstock ([^\n]*)", re.MULTILINE)
PANELS = re.compile(r'[Dd]ashboard "(\w+)", panels? ("[^"]+"(?: and "[^"]+")*)')


def commands_in(text: str) -> Iterator[list[str]]:
    for found in COMMAND.finditer(text):
        said = re.sub(r"\s#.*|[\[\]]|\s[<>|]\s.*", "", found[1] or found[2])
        words = said.split()
        if re.fullmatch(r"v?\d", words[-1]):
            continue  # the name of a wire form
        first = next((word for word in words if "|" in word and not word.isupper()), "")
        for one in first.split("|"):
            yield [one if word == first else word for word in words]


def wrong(words: list[str]) -> str:
    """Say what about a command is not so; empty when it could be typed."""
    command: Any = get_command(app)
    left = list(words)
    while hasattr(command, "commands") and left and not left[0].startswith("-"):
        found = command.commands.get(left[0])
        if found is None:
            return f"no command {left[0]}"
        command, left = found, left[1:]
    options = {name: one for one in command.params for name in one.opts if one.param_type_name == "option"}
    given = 0
    while left:
        word = left.pop(0)
        if not word.startswith("-"):
            given += 1
        elif word not in {*options, "--help"}:
            return f"no option {word}"
        elif word in options and not getattr(options[word], "is_flag", False):
            del left[:1]
    most = sum(one.param_type_name == "argument" for one in command.params)
    return f"{given} arguments, it takes {most}" if given > most else ""


def panels_lacking(text: str) -> list[tuple[str, str]]:
    there = {
        (board.title.removeprefix("Penstock: "), panel.title)
        for board in DASHBOARDS
        for row in board.rows
        for panel in row.panels
    }
    asked = [(board, panel) for board, panels in PANELS.findall(text) for panel in re.findall(r'"([^"]+)"', panels)]
    return [one for one in asked if one not in there]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_can_be_typed(page: Path) -> None:
    assert [(words, why) for words in commands_in(page.read_text()) if (why := wrong(words))] == []


def test_commands_are_found_and_wrong_ones_are_seen() -> None:
    found = list(commands_in((ROOT / "docs" / "operations.md").read_text()))
    assert len(found) > 40
    assert ["broker", "stop", "DIR"] in found
    assert wrong(["quarantine", "list", "DIR"]) == "1 arguments, it takes 0"
    assert wrong(["plan", "DIR", "--loud"]) == "no option --loud"
    assert wrong(["agreements", "bless"]) == "no command bless"
    assert wrong(["tokens", "issue", "MEMBER", "--days", "3", "--kafka"]) == ""


def test_every_panel_that_a_page_names_is_on_that_dashboard() -> None:
    handbook = (ROOT / "docs" / "operations.md").read_text()
    assert len(PANELS.findall(handbook)) >= 3
    for page in PAGES:
        assert panels_lacking(page.read_text()) == [], page.name


def test_a_panel_that_is_not_there_is_seen() -> None:
    text = 'Dashboard "Exchange", panels "Lag" and "Mood". Dashboard "Agreements", panel "Lag".'
    assert panels_lacking(text) == [("Exchange", "Mood"), ("Agreements", "Lag")]
