"""Where Kafka's jars come from, and what is never used."""

import pytest

from penstock.ops.broker import jars
from penstock.ops.broker.jars import Jar, ensure_jars, locked_jars, require_space
from penstock.schemas.errors import ConfigurationError, UnavailableError


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "cache"))
    return jars.cache_dir()


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A directory laid out like a Maven repository, with two jars; PENSTOCK_MAVEN_REPOSITORY names it."""
    monkeypatch.setenv("PENSTOCK_MAVEN_REPOSITORY", str(tmp_path / "mirror"))
    for artifact in ("one", "two"):
        where = tmp_path / "mirror" / "org" / "example" / artifact / "1.0"
        where.mkdir(parents=True)
        (where / f"{artifact}-1.0.jar").write_bytes(artifact.encode() * 1000)
    return tmp_path / "mirror"


@pytest.fixture
def wanted(mirror):
    return [
        Jar("org.example", file.parent.parent.name, "1.0", jars.digest(file)) for file in sorted(mirror.rglob("*.jar"))
    ]


def test_the_lock_pins_every_jar_and_names_no_host():
    locked = locked_jars()
    assert {f"kafka_2.13-{jars.KAFKA_VERSION}.jar", "slf4j-jdk14-1.7.36.jar"} <= {jar.name for jar in locked}
    assert all(len(jar.sha256) == 64 for jar in locked)
    assert len({jar.name for jar in locked}) == len(locked)
    assert "://" not in jars.LOCK_FILE.read_text()


def test_the_cache_follows_penstock_cache_then_xdg_then_home(tmp_path, monkeypatch):
    monkeypatch.delenv("PENSTOCK_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    leaf = f"kafka-{jars.KAFKA_VERSION}"
    assert jars.cache_dir() == tmp_path / ".cache" / "penstock" / leaf
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert str(jars.cache_dir()) == f"/xdg/penstock/{leaf}"
    monkeypatch.setenv("PENSTOCK_CACHE", "/own")
    assert str(jars.cache_dir()) == f"/own/penstock/{leaf}"


def test_jars_are_fetched_once_with_progress_and_then_used_without_a_word(home, wanted):
    said = []
    first = ensure_jars(home, jars=wanted, say=said.append)
    assert [path.parent for path in first] == [home / "jars"] * 2
    assert "0/2" not in "".join(said)
    assert said[-1].strip().startswith("2/2")
    said.clear()
    assert ensure_jars(home, jars=wanted, say=said.append) == first
    assert said == []
    assert not home.with_name(f"{home.name}.partial").exists()


def test_an_interrupted_fetch_is_never_used_and_goes_on_where_it_stopped(home, mirror, wanted):
    missing = mirror / "org" / "example" / "two" / "1.0" / "two-1.0.jar"
    kept = missing.read_bytes()
    missing.unlink()
    with pytest.raises(UnavailableError, match=r"org\.example:two:1\.0 cannot be fetched"):
        ensure_jars(home, jars=wanted, say=lambda _: None)
    assert not (home / "jars").exists()

    missing.write_bytes(kept)
    (mirror / "org" / "example" / "one" / "1.0" / "one-1.0.jar").unlink()  # it came already
    ensure_jars(home, jars=wanted, say=lambda _: None)
    assert sorted(path.name for path in (home / "jars").iterdir()) == ["one-1.0.jar", "two-1.0.jar"]


def test_a_jar_with_the_wrong_checksum_is_refused_and_named(home, mirror, wanted):
    (mirror / "org" / "example" / "two" / "1.0" / "two-1.0.jar").write_bytes(b"something else")
    with pytest.raises(ConfigurationError, match=r"org\.example:two:1\.0 has the wrong checksum") as refusal:
        ensure_jars(home, jars=wanted, say=lambda _: None)
    assert refusal.value.place == str(mirror)
    assert not (home / "jars").exists()


def test_a_jar_that_was_changed_in_the_cache_is_fetched_anew(home, wanted):
    one, _ = ensure_jars(home, jars=wanted, say=lambda _: None)
    one.write_bytes(b"rotten")
    ensure_jars(home, jars=wanted, say=lambda _: None)
    assert wanted[0].is_whole(one)


def test_an_unreachable_repository_says_where_and_what_to_do(home, wanted, monkeypatch):
    monkeypatch.setenv("PENSTOCK_MAVEN_REPOSITORY", "http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match="PENSTOCK_MAVEN_REPOSITORY") as refusal:
        ensure_jars(home, jars=wanted, say=lambda _: None)
    assert refusal.value.place == "http://127.0.0.1:9"
    assert refusal.value.message.endswith("cannot be fetched: ConnectionError")


def test_a_cache_that_cannot_be_made_is_a_configuration_error(tmp_path, wanted):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match="PENSTOCK_CACHE"):
        ensure_jars(tmp_path / "file" / "kafka", jars=wanted, say=lambda _: None)


def test_too_little_space_is_said_before_anything_is_written(tmp_path):
    require_space(tmp_path, 1)
    with pytest.raises(
        ConfigurationError, match=r"only 1 MB are free, the embedded broker wants 200 MB.*free some space"
    ):
        require_space(tmp_path, 200_000_000, free=lambda _: 1_000_000)
