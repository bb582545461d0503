"""The broker's parts, without a broker."""

import os
import socket
import threading

import pytest

from penstock.ops.broker import config, ports
from penstock.ops.broker.archive import with_archive
from penstock.ops.broker.embedded import EmbeddedBroker, explained
from penstock.ops.broker.jars import cache_dir
from penstock.ops.broker.java import Java
from penstock.ops.broker.jvm import Jvm
from penstock.ops.broker.probe import broker_answers, wait_ready
from penstock.ops.broker.storage import lock_holder, take_lock
from penstock.schemas.errors import ConfigurationError, UnavailableError


def test_ports_are_kept_while_free_and_a_named_one_must_be_free(tmp_path):
    kept = ports.choose(tmp_path)
    assert ports.choose(tmp_path) == kept
    with socket.create_server(("127.0.0.1", kept[0])):
        moved = ports.choose(tmp_path)
        assert moved[0] not in kept
        assert moved[1] == kept[1]
        with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1:{kept[0]}: port {kept[0]} is taken"):
            ports.choose(tmp_path, wanted=kept[0])
    assert ports.choose(tmp_path, wanted=kept[0])[0] == kept[0]


def test_damaged_notes_about_ports_are_no_hindrance(tmp_path):
    for damage in ("", "[1]", "{}", "null", '["a", 2]'):
        (tmp_path / "ports.json").write_text(damage)
        assert len(set(ports.choose(tmp_path))) == 2


def test_the_lock_names_its_holder_and_is_gone_with_it(tmp_path):
    assert lock_holder(tmp_path) is None
    lock = take_lock(tmp_path)
    assert lock_holder(tmp_path) == os.getpid()
    with pytest.raises(ConfigurationError, match="another broker"):
        take_lock(tmp_path, patience_s=0.1)
    lock.close()
    assert lock_holder(tmp_path) is None
    take_lock(tmp_path).close()


def test_only_loopback_is_configured_and_extra_settings_win(tmp_path):
    pairs = config.properties(tmp_path, 1, 2, {"auto.create.topics.enable": "true"})
    assert pairs["listeners"] == "CLIENT://127.0.0.1:1,CONTROLLER://127.0.0.1:2"
    assert pairs["auto.create.topics.enable"] == "true"
    assert config.controller_alone(pairs)["listeners"] == "CONTROLLER://127.0.0.1:2"


def test_values_are_escaped_as_java_reads_them():
    assert config.render({"a": "C:\\x", "b": " y"}) == "a=C:\\\\x\nb=\\ y\n"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\x06PENS\0\x23"])
def test_what_is_no_kafka_does_not_answer_as_one(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert not broker_answers(f"127.0.0.1:{server.getsockname()[1]}")
        thread.join()


def test_a_silent_port_and_a_closed_one_do_not_answer_within_the_time_given():
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = f"127.0.0.1:{server.getsockname()[1]}"
        assert not broker_answers(silent, timeout_s=0.1)
    with pytest.raises(UnavailableError, match="did not answer within 0 s"):
        wait_ready(silent, 0.2)
    with pytest.raises(UnavailableError, match="ended before it answered"):
        wait_ready(silent, 20, alive=lambda: False)


def test_what_kafka_said_last_is_turned_into_a_remedy(tmp_path):
    (tmp_path / "logs").mkdir()
    plain = UnavailableError("Kafka ended before it answered")
    assert str(tmp_path / "logs") in explained(plain, tmp_path).remedy
    for said, expected in (("No space left on device", "free some space"), ("Address already in use", "start again")):
        (tmp_path / "logs" / "broker.out").write_text(f"java.io.IOException: {said}\n")
        assert explained(plain, tmp_path).remedy == expected


@pytest.mark.broker
def test_a_full_disk_and_a_taken_port_are_said_before_the_start(broker_root):
    with pytest.raises(ConfigurationError, match="only 5 MB are free"):
        EmbeddedBroker(broker_root, free_bytes=lambda _: 5_000_000).start()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} is taken"):
            EmbeddedBroker(broker_root, port=port).start()
    assert lock_holder(broker_root) is None


class TestArchive:
    """The class archive is used whole or not at all, and never stands in the way."""

    @pytest.fixture
    def jvm(self, tmp_path):
        java = tmp_path / "bin" / "java"
        java.parent.mkdir()
        java.write_text("#!/bin/sh\nexit 1\n")
        java.chmod(0o755)
        return Jvm(Java(java, "25.0.1", "25.0.1+1"), (tmp_path / "kafka.jar",))

    def test_a_java_that_cannot_make_one_is_asked_once_and_kafka_starts_without(self, jvm, tmp_path):
        said = []
        assert with_archive(jvm, tmp_path, said.append) == jvm
        assert len(said) == 2
        assert with_archive(jvm, tmp_path, said.append) == jvm
        assert len(said) == 2

    def test_a_trimmed_older_java_is_not_asked(self, tmp_path):
        said = []
        trimmed = Jvm(Java(tmp_path / "bin" / "java", "17.0.1", "17.0.1+1"), ())
        assert with_archive(trimmed, tmp_path, said.append) == trimmed
        assert said == []

    def test_a_damaged_one_is_removed_and_not_used(self, jvm, tmp_path):
        with_archive(jvm, tmp_path, lambda _: None)
        (note,) = (tmp_path / "archives").iterdir()
        damaged = note.with_name(f"{note.name.removesuffix('.none')}.{'0' * 64}.archive")
        damaged.write_bytes(b"not what its name says")
        assert with_archive(jvm, tmp_path, lambda _: None) == jvm
        assert not damaged.exists()

    @pytest.mark.broker
    @pytest.mark.usefixtures("kafka_installed")
    def test_the_java_here_starts_kafka_from_one(self, kafka):
        if not list(cache_dir().glob("archives/*.archive")):
            pytest.skip("the Java on this machine can make no class archive")
        assert any(option.endswith(".archive") for option in kafka.command())
