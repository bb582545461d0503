"""The source on a real broker: what is acknowledged when, and what becomes of every kind of message."""

import contextlib
import hashlib
import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from cutting_proxy import CuttingProxy
from mosquitto import Mosquitto, mosquitto_program
from mqtt_hands import Reader, reading
from open_files import room_for
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from penstock.schemas.errors import ConfigurationError, PenstockError, UnavailableError
from penstock.schemas.reasons import Refusal


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_messages_become_records_with_fields_from_their_topic(
    mosquitto: Mosquitto, open_source: Any, sensors_of: Any, protocol: str
) -> None:
    reader: Reader = open_source(mosquitto.port, protocol=protocol)
    sensors_of(mosquitto.port).publish(*(reading(number) for number in range(20)))
    records = reader.read(lambda: len(reader.records) == 20)
    assert records[7].value == {"id": "e7", "at": "2026-06-01T00:00:00Z", "amount": 7, "person": "s7"}
    assert [one.position for one in records] == [{"messages": number} for number in range(1, 21)]
    assert records[7].place == "air:message 8"


def test_only_what_was_committed_is_acknowledged(
    mosquitto: Mosquitto, client_id: str, *, open_source: Any, sensors_of: Any, session: Any, wait_until: Any
) -> None:
    """Three batches, the second is the last that commits; then the process is gone and another one comes."""
    session(mosquitto.port)
    sensors_of(mosquitto.port).publish(*(reading(number) for number in range(3)))
    first: Reader = open_source(mosquitto.port, commit=lambda _: False)
    first.read(lambda: len(first.records) == 3)
    second: Reader = open_source(mosquitto.port, commit=lambda _: True)
    second.read(lambda: len(second.records) == 3)
    assert second.ids() == first.ids() == ["e0", "e1", "e2"]
    # A client that takes the session over before the broker has read the last acknowledgements gets those again.
    wait_until(lambda: mosquitto.ends_of(client_id) >= 3)  # the session's, the first's and the second's
    sensors_of(mosquitto.port).publish(reading(3))
    third: Reader = open_source(mosquitto.port, second.position)
    third.read(lambda: third.records)
    assert (third.ids(), third.position) == (["e3"], {"messages": 4})


def test_opening_again_gives_what_was_not_committed(mosquitto: Mosquitto, open_source: Any, sensors_of: Any) -> None:
    reader: Reader = open_source(mosquitto.port, commit=lambda _: False)
    sensors_of(mosquitto.port).publish(*(reading(number) for number in range(5)))
    reader.read(lambda: len(reader.records) == 5)
    reader.source.open({"messages": 2}, lambda _: False)
    again = Reader(reader.source)
    again.read(lambda: len(again.records) == 3)
    assert again.ids() == ["e2", "e3", "e4"]


def test_retained_and_empty_messages_are_counted_and_left_alone(
    mosquitto: Mosquitto, open_source: Any, sensors_of: Any
) -> None:
    sensors, own = sensors_of(mosquitto.port), {"topic": "kept/air/{person}"}
    sensors.publish(("kept/air/a", reading(1)[1]), retain=True)
    reader: Reader = open_source(mosquitto.port, **own)
    sensors.publish(("kept/air/a", b""), retain=True)
    sensors.publish(("kept/air/b", reading(2)[1]))
    reader.read(lambda: reader.records)
    assert reader.ids() == ["e2"]
    assert reader.source._place.edge.messages == ["retained", "retained", "taken"]


def test_retained_messages_can_be_taken_once_a_session(mosquitto: Mosquitto, open_source: Any, sensors_of: Any) -> None:
    own = {"topic": "taken/air/{person}", "retained": "take"}
    sensors = sensors_of(mosquitto.port)
    sensors.publish(("taken/air/a", reading(1)[1]), retain=True)
    first: Reader = open_source(mosquitto.port, **own)
    first.read(lambda: first.records)
    second: Reader = open_source(mosquitto.port, first.position, **own)
    sensors.publish(("taken/air/a", reading(2)[1]))
    second.read(lambda: second.records)
    assert (first.ids(), second.ids()) == (["e1"], ["e2"])


def test_bad_messages_are_refused_each_with_its_reason(
    mosquitto: Mosquitto, open_source: Any, sensors_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reader: Reader = open_source(
        mosquitto.port, topics=["bad/{person}/air", "bad/{person}"], subscribe=["bad/#"], max_record_bytes=2000
    )
    large = b'{"id":"' + b"x" * 2000 + b'"}'
    sensors_of(mosquitto.port).publish(
        ("bad/marju-maasikas/other/levels", b'{"id":"canary-7"}'),
        ("bad/p", b"canary-7"),
        ("bad/p", b"\xff"),
        ("bad/p", b'["canary-7"]'),
        ("bad/p", b'{"id":1,"id":2}'),
        ("bad/p", b'{"a":' * 3000 + b"1" + b"}" * 3000),
        ("bad/p", large),
        ("bad/p", reading(1)[1]),
        ("bad/p", b'{"a":NaN}'),
    )
    reader.read(lambda: len(reader.records) == 9)
    found = [(one.refusal, one.raw) for one in reader.records]
    assert found[0] == (Refusal.UNMAPPED, b'bad/marju-maasikas/other/levels\n{"id":"canary-7"}')
    assert [refusal for refusal, _ in found[1:]] == [
        *[Refusal.ENCODING] * 4,
        Refusal.TOO_LARGE,
        Refusal.TOO_LARGE,
        None,
        Refusal.ENCODING,
    ]
    assert reader.records[6].sha256 == hashlib.sha256(large).hexdigest()
    assert reader.source._place.edge.messages == ["unmapped", *["taken"] * 8]
    said = caplog.text + "".join(one.place + one.detail for one in reader.records)
    assert "canary-7" not in said
    assert "marju" not in said


def test_a_message_nested_too_deep_is_refused(mosquitto: Mosquitto, open_source: Any, sensors_of: Any) -> None:
    reader: Reader = open_source(mosquitto.port, topic="deep/{person}")
    sensors_of(mosquitto.port).publish(("deep/p", b"[" * 100_000), ("deep/p", b'{"a":' * 9_999 + b"1" + b"}" * 9_999))
    reader.read(lambda: len(reader.records) == 2)
    assert [one.refusal for one in reader.records] == [Refusal.ENCODING] * 2


@pytest.mark.parametrize("end", [Mosquitto.stop, Mosquitto.kill])
def test_a_broker_that_ends_and_starts_again_loses_nothing_that_it_handed_over(
    tmp_path: Any, client_id: str, *, open_source: Any, sensors_of: Any, wait_until: Any, end: Any
) -> None:
    """One that stops knows the session afterwards, one that is killed does not; nothing is given twice either way."""
    with Mosquitto(tmp_path / "own") as broker:
        reader: Reader = open_source(broker.port)
        sensors = sensors_of(broker.port)
        sensors.publish(*(reading(number) for number in range(50)))
        edge = reader.source._place.edge
        wait_until(lambda: len(edge.messages) == 50)
        end(broker)
        wait_until(lambda: edge.connections == [True, False])
        wait_until(lambda: any("cannot be reached: Connection refused" in why for why in edge.reasons))
        assert f"air (127.0.0.1:{broker.port}): the MQTT connection is lost" in edge.reasons[1]
        broker.start()
        wait_until(lambda: edge.connections == [True, False, True])
        sensors.publish(*(reading(number) for number in range(50, 100)))
        ended = broker.ends_of(client_id)
        reader.read(lambda: len(reader.records) >= 100, 60)
        assert reader.ids() == [f"e{number}" for number in range(100)]
        # A client that takes the session over before the broker has read the last acknowledgements gets those again.
        wait_until(lambda: broker.ends_of(client_id) > ended)
        again: Reader = open_source(broker.port, reader.position)
        sensors.publish(reading(100))
        again.read(lambda: "e100" in again.ids())
        assert again.ids() == ["e100"]


def test_connections_that_break_in_mid_message_repeat_and_lose_nothing(
    mosquitto: Mosquitto, client_id: str, *, open_source: Any, sensors_of: Any, session: Any, wait_until: Any
) -> None:
    """Wherever a byte is the last: some of what came is committed by then, and acknowledged or not."""
    cuts = (500, 1_501, 3_002, 2_003)
    own = {"topic": "cut/{person}", "in_flight": 20}
    session(mosquitto.port, **own)
    sensors = sensors_of(mosquitto.port)
    sensors.publish(*((f"cut/{number}", reading(number)[1]) for number in range(300)))
    with CuttingProxy(mosquitto.port, cuts) as proxy:
        reader: Reader = open_source(proxy.port, **own)
        reader.read(lambda: len(reader.records) >= 300, 60)
        assert reader.ids() == [f"e{number}" for number in range(300)]
        assert proxy.cut == len(cuts)
        assert reader.source._place.edge.connections.count(False) >= len(cuts)
    # A client that takes the session over before the broker has read the last acknowledgements gets those again.
    wait_until(lambda: mosquitto.ends_of(client_id) >= len(cuts) + 2)
    again: Reader = open_source(mosquitto.port, reader.position, **own)
    sensors.publish(("cut/300", reading(300)[1]))
    again.read(lambda: "e300" in again.ids())
    assert again.ids() == ["e300"]


def test_reading_pauses_while_the_queue_is_full_and_nothing_is_dropped(
    mosquitto: Mosquitto, open_source: Any, sensors_of: Any, wait_until: Any
) -> None:
    reader: Reader = open_source(mosquitto.port, topic="full/{person}", queue_bytes=2_000, in_flight=65_535)
    edge = reader.source._place.edge
    sensors_of(mosquitto.port).publish(*((f"full/{number}", reading(number)[1]) for number in range(500)))
    wait_until(lambda: len(edge.messages) >= 20)
    assert len(edge.messages) < 100
    reader.read(lambda: len(reader.records) == 500)
    assert reader.ids() == [f"e{number}" for number in range(500)]


@pytest.fixture
def guarded(tmp_path: Any) -> Any:
    """A broker that asks for a password, and lets `city` read nothing but `city/#`."""
    passwd = mosquitto_program().replace("sbin/mosquitto", "bin/mosquitto_passwd")
    subprocess.run([passwd, "-c", "-b", str(tmp_path / "users"), "city", "right"], check=True)
    (tmp_path / "acl").write_text("user city\ntopic readwrite city/#\n")
    (tmp_path / "users").chmod(0o600)
    with Mosquitto(tmp_path / "guarded", f"password_file {tmp_path}/users", f"acl_file {tmp_path}/acl") as broker:
        yield broker


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_wrong_password_is_said_and_a_right_one_works(
    guarded: Mosquitto, open_source: Any, sensors_of: Any, protocol: str
) -> None:
    own = {"username_env": "NAME", "password_env": "WORD", "protocol": protocol}
    with pytest.raises(ConfigurationError, match=r"refuses this user or password.*password_env") as wrong:
        open_source(guarded.port, secrets={"NAME": "city", "WORD": "wrong-canary"}, **own)
    assert "canary" not in str(wrong.value)
    reader: Reader = open_source(guarded.port, secrets={"NAME": "city", "WORD": "right"}, **own)
    sensors_of(guarded.port, username="city", password="right").publish(reading(1))
    reader.read(lambda: reader.records)


def test_a_host_that_is_unknown_or_silent_is_said(open_source: Any, sensors_of: Any) -> None:
    with pytest.raises(UnavailableError, match=r"host name is not known.*correct host"):
        open_source(1, host="no-such-host.invalid")
    with pytest.raises(UnavailableError, match=r"cannot be reached: Connection refused"):
        open_source(1)


def test_a_process_with_too_many_files_open_says_so_and_connects_once_there_is_room(
    mosquitto: Mosquitto, open_source: Any, sensors_of: Any
) -> None:
    """paho watches the first 1,024 descriptors; with others it would try again for ever without a word."""
    sensors = sensors_of(mosquitto.port)
    with crowded(), pytest.raises(UnavailableError, match=r"too many files open.*/proc/PID/fd"):
        open_source(mosquitto.port, topic="crowded/{person}")
    reader: Reader = open_source(mosquitto.port, topic="crowded/{person}")
    sensors.publish(("crowded/p", reading(1)[1]))
    reader.read(lambda: reader.records)


@contextlib.contextmanager
def crowded(files: int = 1_024) -> Iterator[None]:
    """A process in which no descriptor below `files` is free."""
    with room_for(files + 100), contextlib.ExitStack() as stack:
        while stack.enter_context(Path(os.devnull).open()).fileno() < files:  # the lowest that is free
            pass
        yield


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # paho forgets a socket whose handshake failed
def test_a_certificate_that_nobody_vouches_for_is_said(tmp_path: Any, open_source: Any) -> None:
    authority = Authority(tmp_path, "city-ca")
    _, _, both = authority.issue("broker")
    with Mosquitto(tmp_path / "tls", f"certfile {both}", f"keyfile {both}") as broker:
        with pytest.raises(ConfigurationError, match=r"certificate is not believed.*ca_file"):
            open_source(broker.port, tls=True)
        with pytest.raises(PenstockError, match="MQTT broker"):
            open_source(broker.port, connect_seconds=2)
        open_source(broker.port, ca_file="city-ca.crt").source._close()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # paho forgets a socket whose handshake failed
def test_a_broker_without_tls_is_said(mosquitto: Mosquitto, open_source: Any) -> None:
    with pytest.raises(PenstockError, match="MQTT broker"):
        open_source(mosquitto.port, tls=True, connect_seconds=5)


def test_a_subscription_that_the_broker_refuses_ends_the_source(mosquitto: Mosquitto, open_source: Any) -> None:
    """Its answer is said by hand: mosquitto refuses a reader nothing until there is a message."""
    source = open_source(mosquitto.port, subscribe=["city/air/+", "other/#"]).source
    answers = [ReasonCode(PacketTypes.SUBACK, name) for name in ("Granted QoS 1", "Not authorized")]
    source._line._on_subscribe(None, None, 1, answers, None)
    with pytest.raises(ConfigurationError, match="subscription number 2 of 2"):
        list(source.batches(1))
