"""Topic templates, options, and the memory of what was delivered."""

import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from penstock.connectors.mqtt.deliveries import Deliveries, Delivery
from penstock.connectors.mqtt.options import MqttOptions
from penstock.connectors.mqtt.source import mqtt_source
from penstock.connectors.mqtt.topics import Topics, template_of
from penstock.schemas.errors import ConfigurationError

SCHEMA = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "station", "type": "string"},
        {"name": "lane", "type": ["null", "int"], "default": None},
        {"name": "where", "type": {"type": "record", "name": "W", "fields": [{"name": "city", "type": "string"}]}},
    ],
}


@pytest.mark.parametrize(
    ("template", "topic", "levels"),
    [
        ("city/air/{station}", "city/air/a 1", {"station": "a 1"}),
        ("city/air/{station}", "city/air/a/b", None),
        ("city/air/{station}", "city/air/", None),
        ("city/air/{station}", "city/noise/a", None),
        ("{where.city}/+/{lane}", "tallinn/x/3", {"where.city": "tallinn", "lane": "3"}),
        ("city/#", "city/a/b", {}),
        ("city/#", "city", {}),
        ("#", "any/thing", {}),
        ("a.b/{station}", "axb/s", None),
        ("/{station}", "/s", {"station": "s"}),
    ],
)
def test_a_template_says_which_level_fills_which_field(template: str, topic: str, levels: Any) -> None:
    assert template_of(template, "air").match(topic) == levels


@pytest.mark.parametrize("template", ["a/x{station}", "a/#/b", "{a b}", "a/{}", "{station}/{station}", "a+"])
def test_a_template_that_means_nothing_is_refused(template: str) -> None:
    with pytest.raises(ConfigurationError, match="topic"):
        template_of(template, "air")


_level = st.sampled_from(["a", "b", "+", "{station}", ""])


@given(st.lists(_level, min_size=1, max_size=4), st.booleans(), st.lists(st.sampled_from("ab"), min_size=1, max_size=5))
def test_what_a_template_matches_its_filter_asks_for(levels: list[str], rest: Any, topic: list[str]) -> None:
    if levels.count("{station}") > 1:
        return
    template = template_of("/".join([*levels, "#"] if rest else levels), "air")
    found = template.match("/".join(topic)) is not None
    assert found == topic_matches_sub(template.filter, "/".join(topic))


def test_levels_become_values_of_their_fields_types() -> None:
    topics = Topics(["{where.city}/{station}/{lane}"], SCHEMA, "air")
    value: dict[str, Any] = {"station": "says another", "where": {"city": "x"}}
    topics.fill(value, topics.match(b"tallinn/7/3") or {})
    assert value == {"station": "7", "lane": 3, "where": {"city": "tallinn"}}
    unfit: dict[str, Any] = {"where": "text"}
    topics.fill(unfit, topics.match(b"tallinn/7/x") or {})
    assert unfit == {"where": "text", "station": "7", "lane": "x"}
    assert topics.match(b"tallinn/\xff/3") is None


def test_a_template_may_only_name_fields_of_the_contract() -> None:
    with pytest.raises(ConfigurationError, match="`where`"):
        Topics(["{where}"], SCHEMA, "air")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "topic"),
        ({"topic": "a", "topics": ["a"]}, "topic"),
        ({"topic": "a"}, "host"),
        ({"topic": "a", "host": "h", "address_env": "A"}, "host"),
        ({"topic": "a", "host": "h", "colour": 1}, "no option colour"),
        ({"topic": 7, "host": "h"}, "topics"),
        ({"topics": [], "host": "h"}, "template"),
        ({"topic": "a", "host": "h", "port": 70_000}, "port"),
        ({"topic": "a", "host": "h", "in_flight": 0}, "in_flight"),
        ({"topic": "a", "host": "h", "protocol": 5}, "protocol"),
        ({"topic": "a", "host": "h", "protocol": "4"}, "protocol"),
        ({"topic": "a", "host": "h", "retained": "yes"}, "retained"),
        ({"topic": "a", "host": "h", "tls": "yes"}, "tls"),
        ({"topic": "a", "host": "h", "password_env": "P"}, "username_env"),
        ({"topic": "a", "host": "h", "cert_file": "c.pem"}, "key_file"),
        ({"topic": "a", "host": "h", "queue_bytes": 0}, "queue_bytes"),
        ({"topic": "a", "host": "h", "subscribe": ["a/#/b"]}, "filter"),
        ({"topic": "a", "host": "h", "subscribe": ["a/b+"]}, "filter"),
        ({"topic": "a", "host": "h", "subscribe": "a"}, "list"),
    ],
)
def test_unfit_settings_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        MqttOptions.of(options, "air")


def test_ports_follow_tls_and_an_address_may_stand_in_a_variable(place_of: Any) -> None:
    plain = MqttOptions.of({"topic": "a", "host": "h"}, "air")
    assert plain.address == ("h", 1883)
    assert MqttOptions.of({"topic": "a", "host": "h", "ca_file": "ca.pem"}, "air").address == ("h", 8883)
    assert MqttOptions.of({"topic": "a", "address_env": "A"}, "air").at("h:7", "air").address == ("h", 7)
    with pytest.raises(ConfigurationError, match="CITY holds no host:port"):
        mqtt_source(place_of(0, {"CITY": "h"}, host="", address_env="CITY"))


def test_a_wrong_format_a_missing_secret_and_a_missing_file_are_said(place_of: Any) -> None:
    wrong: Any = SimpleNamespace(format="csv", id="air")
    with pytest.raises(ConfigurationError, match="csv"):
        mqtt_source(wrong)
    with pytest.raises(ConfigurationError, match="no NAME"):
        mqtt_source(place_of(1883, username_env="NAME"))
    with pytest.raises(ConfigurationError, match="certificate file"):
        mqtt_source(place_of(1883, ca_file="nowhere.pem")).open(None, lambda _: False)
    with pytest.raises(ConfigurationError, match="position"):
        mqtt_source(place_of(1883)).open({"row": 1}, lambda _: False)


class Memory:
    """Deliveries with a broker that numbers packets, and what it was told."""

    def __init__(self, most: int = 100, most_bytes: int = 1000) -> None:
        self.acknowledged: list[int] = []
        self.all = Deliveries(most, most_bytes, self.acknowledged.append)
        self.all.connected(same_session=False)

    def come(self, *packets: int) -> None:
        for packet in packets:
            self.all.add(Delivery(b"t", b"p%d" % packet, packet, {}))

    def again(self, packet: int) -> bool:
        return self.all.again(b"t", b"p%d" % packet, packet)


def test_messages_are_acknowledged_when_committed_and_in_their_order() -> None:
    memory = Memory()
    memory.come(1)
    memory.all.skip(2)
    memory.come(3, 4)
    assert [one.number for one in memory.all.take(2)] == [1, 2]
    assert memory.acknowledged == []
    memory.all.committed(1)
    assert memory.acknowledged == [1, 2]
    memory.all.committed(2)
    assert [one.number for one in memory.all.take(9)] == [3]
    memory.all.committed(3)
    assert memory.acknowledged == [1, 2, 3, 4]


def test_what_comes_again_in_the_same_session_is_known_and_acknowledged_anew() -> None:
    memory = Memory()
    memory.come(1, 2, 3)
    memory.all.take(2)
    memory.all.committed(1)
    memory.all.lost()
    memory.all.committed(2)
    assert memory.acknowledged == [1]
    memory.all.connected(same_session=True)
    assert [memory.again(one) for one in (1, 2, 3)] == [True, True, True]
    assert memory.acknowledged == [1, 1, 2]
    assert len(memory.all.take(9)) == 1
    memory.all.committed(3)
    assert memory.acknowledged == [1, 1, 2, 3]
    assert not memory.all.again(b"t", b"another", 3)
    assert not memory.again(7)


def test_in_a_new_session_nothing_of_the_old_one_is_known_or_acknowledged() -> None:
    memory = Memory()
    memory.come(1, 2)
    memory.all.take(1)
    memory.all.lost()
    memory.all.connected(same_session=False)
    memory.all.committed(1)
    assert not memory.again(1)
    assert memory.acknowledged == []
    assert len(memory.all.take(9)) == 1


def test_opening_again_gives_what_is_not_committed_first() -> None:
    memory = Memory()
    memory.come(1, 2, 3, 4)
    memory.all.take(3)
    memory.all.reopen(1)
    assert memory.acknowledged == [1]
    assert [(one.packet, one.number) for one in memory.all.take(9)] == [(2, 2), (3, 3), (4, 4)]


def test_the_queue_has_room_by_number_and_by_bytes() -> None:
    few, small = Memory(most=2), Memory(most_bytes=3)
    few.come(1)
    assert few.all.wait_for_room(0)
    few.come(2)
    assert not few.all.wait_for_room(0)
    few.all.take(1)
    assert few.all.wait_for_room(0)
    small.come(1, 2)
    assert not small.all.wait_for_room(0)


def test_any_walk_of_losses_and_commits_gives_each_message_once_and_acknowledges_it() -> None:
    """A broker that sends again what is not acknowledged, over connections that break anywhere."""
    for seed in range(200):
        chance, memory = random.Random(seed), Memory(most=1000, most_bytes=1_000_000)
        waiting, sent, given = list(range(1, 41)), [], []
        while len(given) < 40 or set(memory.acknowledged) != set(range(1, 41)):
            step = chance.random()
            if step < 0.4 and waiting:
                sent.append(waiting.pop(0))
                memory.come(sent[-1])
            elif step < 0.6:
                given += memory.all.take(chance.randint(1, 5))
            elif step < 0.8 and given:
                memory.all.committed(chance.choice(given).number)
            elif step < 0.9:
                memory.all.lost()
                memory.all.connected(same_session=True)
                reached = set(memory.acknowledged)
                assert all(memory.again(one) for one in sent if one not in reached)
            elif given:
                memory.all.committed(given[-1].number)
        assert [one.packet for one in given] == list(range(1, 41))
