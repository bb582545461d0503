"""Every member against every agreement's keys, at a gateway as it runs; and when an agreement stops."""

import os
import signal
from datetime import UTC, datetime
from functools import partial

import pytest
from access_world import AccessWorld
from ecosystem import cli, until

from penstock.ops.key_client import GatewayClient
from penstock.schemas.errors import RefusedError, UnavailableError

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def planted(world: AccessWorld) -> dict[str, dict[bytes, bytes]]:
    """Two keys of each agreement, as the exchange makes them."""
    store = world.wiring.key_store()
    return {key: dict(store.bulk_key(key, "tests") for _ in range(2)) for key in world.generation.agreements}


def client_of(world: AccessWorld, member: str) -> GatewayClient:
    token = world.wiring.tokens().issue(member)
    return GatewayClient(world.wiring.gateway_url(), token, sealing_keys=[world.keys[member]])


def lasting(world: AccessWorld, agreement: str) -> bool:
    until_when = world.generation.agreements[agreement].agreement.valid.until
    return until_when > datetime.now(UTC) and agreement not in world.terminated | world.suspended


def test_each_member_opens_keys_of_its_own_agreements_and_no_others(
    world: AccessWorld, planted: dict[str, dict[bytes, bytes]]
) -> None:
    """All pairs: asked for under the agreement's name, and as handles under each of one's own agreements."""
    everything = [handle for keys in planted.values() for handle in keys]
    pairs, opened = 0, 0
    for member in world.members:
        client = client_of(world, member)
        for agreement, keys in planted.items():
            pairs += 1
            held = world.generation.agreements[agreement].agreement
            if held.recipient == member and lasting(world, agreement):
                assert client.keys(agreement, everything) == keys
                opened += 1
            else:
                with pytest.raises(RefusedError, match="no such agreement of yours is in force"):
                    client.keys(agreement, everything)
    assert (pairs, opened) == (48, sum(lasting(world, one) for one in planted))


def test_nobody_opens_what_is_sealed_to_another(world: AccessWorld, planted: dict[str, dict[bytes, bytes]]) -> None:
    """With the right token, and each other member's private key under the right name."""
    agreement, member = "ee-fi-income", "fi-tax"
    right = world.keys[member]
    for other in set(world.members) - {member}:
        false = type(right)(member, right.id, world.keys[other].private)
        token = world.wiring.tokens().issue(member)
        client = GatewayClient(world.wiring.gateway_url(), token, sealing_keys=[false])
        with pytest.raises(RefusedError, match="does not open"):
            client.keys(agreement, planted[agreement])


def test_cut_off_from_kafka_the_gateway_hands_out_nothing_after_ten_seconds(
    world: AccessWorld, planted: dict[str, dict[bytes, bytes]]
) -> None:
    """What it knows may have ended meanwhile. Kafka is stopped, as a machine that hangs, and goes on."""
    agreement, client = "ee-fi-income", client_of(world, "fi-tax")
    kafka = int(cli("broker", "status", str(world.ecosystem.directory), "--json").json[0]["pid"])

    def opens() -> bool:
        try:
            return client.keys(agreement, planted[agreement]) == planted[agreement]
        except UnavailableError as unknown:
            if "may have changed" not in unknown.message:
                raise
            return False

    until(opens, "no keys are handed out", 30)
    os.kill(kafka, signal.SIGSTOP)
    try:
        until(lambda: not opens(), "keys are still handed out", 60)
    finally:
        os.kill(kafka, signal.SIGCONT)
    until(opens, "no keys are handed out again", 60)


def test_suspended_nothing_is_handed_out_and_resumed_it_is_again(
    world: AccessWorld, planted: dict[str, dict[bytes, bytes]]
) -> None:
    agreement, client = "ee-fi-income", client_of(world, "fi-tax")
    where = ("--in", str(world.ecosystem.directory))

    def opens() -> bool:
        try:
            return client.keys(agreement, planted[agreement]) == planted[agreement]
        except RefusedError:
            return False

    assert opens()
    assert cli("agreements", "suspend", agreement, *where).code == 0
    try:
        until(lambda: not opens(), "keys are still handed out", 20)
        handed_out = partial(world.wiring.hand_outs().recorded, agreement)
        before = handed_out()
        assert not any(opens() for _ in range(5))
        assert handed_out() == before
    finally:
        assert cli("agreements", "resume", agreement, *where).code == 0
    until(opens, "no keys are handed out again", 20)
    rows = cli("partner", "hand-outs", *where, "--agreement", agreement, "--json").json
    assert {(row["recipient"], row["sealing_key"]) for row in rows} == {("fi-tax", "of-fi-tax")}
