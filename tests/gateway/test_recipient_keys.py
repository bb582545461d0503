"""A recipient's sealing key: made into a file of its own, printed for the charter, put there on request."""

import json
import shutil
import stat

import pytest
import yaml
from ecosystem import EXAMPLE, cli

from penstock.ops.documents.load import load
from penstock.ops.recipient_keys import KEY_FILES, new_key, read_key, read_keys
from penstock.schemas.errors import ConfigurationError
from penstock.schemas.sealing_key import SealingKey


@pytest.fixture
def directory(tmp_path):
    made = tmp_path / "eco"
    shutil.copytree(EXAMPLE, made, ignore=shutil.ignore_patterns("*.py", "__pycache__", "inbox", ".penstock"))
    return made


def make(tmp_path, directory, *words, member="fi-tax"):
    path = tmp_path / f"{member}{len(list(tmp_path.glob('*.key')))}.key"
    return path, cli("partner", "key", member, "--out", str(path), "--in", str(directory), *words)


def test_the_private_half_stays_in_a_file_of_its_owners(tmp_path, directory):
    path, done = make(tmp_path, directory, "--id", "2026-12", "--days", "30")
    assert done.code == 0, done.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = json.loads(path.read_text())
    assert said.keys() == {"version", "member", "id", "private_key"}
    assert said["private_key"] not in done.out + done.err
    (printed,) = yaml.safe_load("a:\n" + done.out)["a"]["sealing_keys"]
    held = read_key(path)
    assert (held.member, held.id) == ("fi-tax", "2026-12")
    key = SealingKey.model_validate(printed)
    assert key == held.registered(key.valid.from_, key.valid.until)
    assert (key.valid.until - key.valid.from_).days == 30
    assert said["private_key"] not in repr(held)
    assert directory.joinpath("charter.yaml").read_text() == EXAMPLE.joinpath("charter.yaml").read_text()


@pytest.mark.parametrize("name", ["A b", "..", "ü", "-"])
def test_an_id_that_is_none_is_refused_before_anything_is_written(tmp_path, directory, name):
    path, done = make(tmp_path, directory, "--id", name)
    assert (done.code, path.exists()) == (3, False)
    path, done = make(tmp_path, directory, member=name)
    assert (done.code, path.exists()) == (3, False)


def test_a_key_is_never_overwritten(tmp_path, directory):
    path, _ = make(tmp_path, directory)
    before = path.read_bytes()
    done = cli("partner", "key", "fi-tax", "--out", str(path), "--in", str(directory))
    assert (done.code, path.read_bytes()) == (3, before)
    with pytest.raises(ConfigurationError, match="cannot write the key"):
        new_key("fi-tax", "a", tmp_path / "no" / "such" / "folder.key")


def test_registered_it_takes_the_place_of_going_unsealed(tmp_path, directory):
    before = load(directory).charter
    path, done = make(tmp_path, directory, "--register", "--id", "a")
    assert done.code == 0, done.err
    member = load(directory).charter.member("fi-tax")
    assert member.unsealed_keys is None
    assert [one.public_key for one in member.sealing_keys] == [
        read_key(path).registered(member.sealing_keys[0].valid.from_, member.sealing_keys[0].valid.until).public_key
    ]
    others = [one for one in load(directory).charter.members if one.id != "fi-tax"]
    assert others == [one for one in before.members if one.id != "fi-tax"]
    old, new = (
        (EXAMPLE / "charter.yaml").read_text().splitlines(),
        (directory / "charter.yaml").read_text().splitlines(),
    )
    assert len(new) == len(old) + 3
    assert len(set(old) - set(new)) == 0, "the same words let others' keys go unsealed"
    _, again = make(tmp_path, directory, "--register", "--id", "b")
    assert again.code == 0, again.err
    assert [one.id for one in load(directory).charter.member("fi-tax").sealing_keys] == ["b", "a"]
    assert cli("check", str(directory)).code == 0


def test_a_charter_that_only_a_person_should_edit_is_left_alone(tmp_path, directory):
    charter = directory / "charter.yaml"
    text = charter.read_text()
    head = "  - id: fi-tax\n"
    at = text.index(head)
    end = text.index("  - id: ee-stat")
    flow = "  - {id: fi-tax, name: Tax, country: FI, roles: [recipient]}\n"
    charter.write_text(text[:at] + flow + text[end:])
    before = charter.read_text()
    path, done = make(tmp_path, directory, "--register")
    assert done.code == 3
    assert "add by hand" in done.err
    assert (charter.read_text(), path.exists()) == (before, False)
    path, done = make(tmp_path, directory, "--register", member="nobody")
    assert (done.code, charter.read_text(), path.exists()) == (3, before, False)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_may_use_is_not_used(tmp_path, mode):
    path = tmp_path / "fi.key"
    new_key("fi", "a", path)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="others may read") as caught:
        read_key(path)
    assert "chmod 600" in caught.value.remedy


@pytest.mark.parametrize(
    "text",
    ["", "[]", "7", "{", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), '{"version": 2}', "[" * 100_000],
)
def test_what_is_no_key_file_is_refused(tmp_path, text):
    path = tmp_path / "fi.key"
    new_key("fi", "a", path)
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="not a key file"):
        read_key(path)


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"private_key": "AAAA"}, {"private_key": 7}, {"private_key": "*"}, {"more": 1}]
)
def test_a_key_file_with_something_wrong_in_it_is_refused(tmp_path, change):
    path = tmp_path / "fi.key"
    new_key("fi", "a", path)
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, **change}))
    with pytest.raises(ConfigurationError, match="not a key file") as caught:
        read_key(path)
    assert said["private_key"] not in str(caught.value)


def test_key_files_come_from_the_environment_unless_they_are_named(tmp_path, monkeypatch):
    paths = [tmp_path / f"{name}.key" for name in "abc"]
    for path in paths:
        new_key("fi", path.stem, path)
    monkeypatch.delenv(KEY_FILES, raising=False)
    assert read_keys() == []
    monkeypatch.setenv(KEY_FILES, f"{paths[0]}:{paths[1]}")
    assert [one.id for one in read_keys()] == ["a", "b"]
    assert [one.id for one in read_keys([paths[2]])] == ["c"]
    with pytest.raises(ConfigurationError, match="cannot read the key"):
        read_keys([tmp_path / "none.key"])


def test_the_record_of_hand_outs_is_shown(directory):
    done = cli("partner", "hand-outs", "--in", str(directory), "--json")
    assert (done.code, done.json) == (0, [])
