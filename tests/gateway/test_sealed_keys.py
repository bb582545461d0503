"""Keys handed out sealed: every recipient against every agreement, wrong keys, bent answers, clocks, rates, records."""

import base64
import contextlib
import json
import os
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from gateway_world import AGREEMENTS, LASTING, MEMBERS, World
from http_serving import serving
from starlette.responses import JSONResponse
from starlette.routing import Route

from penstock.connectors.http.rate import BURST_S, Rate
from penstock.ops.gateway.entitled import KNOWN_S
from penstock.ops.gateway.keys_api import LEAST_COST
from penstock.ops.key_client import GatewayClient, KeyCache
from penstock.ops.recipient_keys import RecipientKey
from penstock.ops.store.key_store import SqlKeyStore
from penstock.ops.store.kms_file import FileKms
from penstock.ops.store.tables import key_hand_outs
from penstock.processors.key_message import open_keys
from penstock.schemas.errors import RecordError, RefusedError, UnavailableError
from penstock.schemas.key_message import KeyRequest
from penstock.schemas.ports import SubjectWant

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
HOUR_MS = 3_600_000


class Sealed:
    """A gateway with a real key store whose members have sealing keys, and two keys of every agreement."""

    def __init__(self, folder):
        self.world = World(folder)
        self.world.keys = SqlKeyStore(self.world.engine, FileKms(folder / "kek", create=True))
        self.own = {one: RecipientKey(one, f"of-{one}", X25519PrivateKey.generate()) for one in MEMBERS}
        for member, key in self.own.items():
            self.world.name_keys(member, key.registered(SINCE, UNTIL))
        self.keys = {agreement: self._keys_of(agreement) for agreement in AGREEMENTS}

    def _keys_of(self, agreement):
        want = SubjectWant(b"person-000000001", agreement, agreement)
        subject = self.world.keys.subject_keys([want])[want]
        handle, bulk = self.world.keys.bulk_key(agreement, "worker")
        return {subject.handle: subject.key, handle: bulk}

    def client(self, member, *keys, **options):
        token = self.world.tokens.issue(member)
        return GatewayClient(self.url, token, sealing_keys=keys or [self.own[member]], **options)

    def rows(self):
        return self.world.hand_outs.recorded()


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    made = Sealed(tmp_path_factory.mktemp("sealed"))
    with serving(made.world.key_desk()) as made.url:
        yield made
    made.world.engine.dispose()


@pytest.fixture(autouse=True)
def as_it_was(sealed):
    """Put back what a test changes."""
    world = sealed.world
    held = {name: getattr(world, name) for name in ("generation", "wall_ms", "control_age_s")}
    world.heard.taken()
    yield
    for name, value in held.items():
        setattr(world, name, value)


def ask(sealed, member, body, agreement="ee-fi"):
    """Ask by hand, as a client of somebody else's."""
    headers = {"authorization": f"Bearer {sealed.world.tokens.issue(member)}", "content-type": "application/json"}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{sealed.url}/v1/agreements/{agreement}/keys", data, headers)  # noqa: S310 - http
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - http
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def handles_of(request):
    return {"handles": [one.hex() for one in request.handles]}


def body_of(request):
    return {**handles_of(request), "key": request.sealing_key, "request": request.nonce.hex()}


# --- every recipient against every agreement --------------------------------------------------------------------------


@pytest.mark.parametrize("agreement", [*AGREEMENTS, "nobodys"])
@pytest.mark.parametrize("sealed_to", [*MEMBERS, ""])
@pytest.mark.parametrize("member", MEMBERS)
def test_a_recipient_gets_keys_of_its_own_agreements_only(sealed, member, sealed_to, agreement):
    """Everybody asks for every agreement's keys, sealed to each key that somebody has, and unsealed."""
    wanted, before = sealed.keys.get(agreement, {bytes(8): b""}), sealed.rows()
    request = KeyRequest(agreement, member, f"of-{sealed_to}", os.urandom(16), list(wanted))
    status, said = ask(sealed, member, body_of(request) if sealed_to else handles_of(request), agreement)
    mine = agreement in LASTING and LASTING[agreement][1] == member
    if mine and sealed_to == member:
        assert status == 200
        assert open_keys(base64.b64decode(said["sealed"]), request, sealed.own[member].private) == wanted
        others = [key.private for holder, key in sealed.own.items() if holder != member]
        for private in others:
            with pytest.raises(RecordError):
                open_keys(base64.b64decode(said["sealed"]), request, private)
        assert sealed.world.heard.taken() == []
        return
    assert (status, said.keys()) == (403, {"error"})
    assert sealed.world.heard.taken() == [("keys", member, "sealing_key" if mine else "authorization")]
    assert mine or said == {"error": "no such agreement of yours is in force"}, "foreign, ended, unknown: the same"
    assert sealed.rows() == before, "what is refused is no hand-out"


def test_handles_of_others_are_as_unknown_as_those_of_nobody(sealed):
    client = sealed.client("fi")
    foreign = [handle for agreement in AGREEMENTS if agreement != "ee-fi" for handle in sealed.keys[agreement]]
    mine = sealed.keys["ee-fi"]
    assert client.keys("ee-fi", [*foreign, *mine, bytes(8)]) == mine
    assert client.keys("ee-fi", foreign) == client.keys("ee-fi", [os.urandom(8) for _ in foreign]) == {}


@pytest.mark.parametrize("status", ["suspended", "terminated"])
def test_what_ends_while_the_store_is_read_is_not_handed_out(sealed, monkeypatch, status):
    world, client = sealed.world, sealed.client("fi")
    assert client.keys("ee-fi", sealed.keys["ee-fi"])
    opened = world.keys.open_keys

    def ending(agreement, handles):
        world.set_status("ee-fi", status)
        return opened(agreement, handles)

    monkeypatch.setattr(world.keys, "open_keys", ending)
    with pytest.raises(RefusedError, match="no such agreement of yours"):
        client.keys("ee-fi", sealed.keys["ee-fi"])
    assert set(world.heard.taken()) == {("keys", "fi", "authorization")}


def test_a_revoked_token_gets_nothing_more(sealed):
    client, world = sealed.client("fi"), sealed.world
    assert client.keys("ee-fi", sealed.keys["ee-fi"])
    world.tokens.revoke_member("fi")
    with pytest.raises(RefusedError, match="revoked"):
        client.keys("ee-fi", sealed.keys["ee-fi"])


# --- which key --------------------------------------------------------------------------------------------------------


def test_who_has_another_private_key_under_that_id_opens_nothing(sealed):
    client = sealed.client("fi", RecipientKey("fi", "of-fi", X25519PrivateKey.generate()))
    with pytest.raises(RefusedError, match="does not open"):
        client.keys("ee-fi", sealed.keys["ee-fi"])


@pytest.mark.parametrize(
    ("since", "until"),
    [(SINCE, SINCE + timedelta(days=1)), (UNTIL, UNTIL + timedelta(days=1))],
    ids=["expired", "not yet valid"],
)
def test_out_of_its_time_a_sealing_key_gets_nothing(sealed, since, until):
    key, world = sealed.own["fi"], sealed.world
    world.name_keys("fi", key.registered(since, until))
    client = sealed.client("fi")
    with pytest.raises(RefusedError, match="none of our sealing keys"):
        client.keys("ee-fi", sealed.keys["ee-fi"])
    status, said = ask(sealed, "fi", {"handles": [], "key": "of-fi", "request": "00" * 16})
    assert (status, "expired" in said["error"] or "not valid yet" in said["error"]) == (403, True)
    assert world.heard.taken() == [("keys", "fi", "sealing_key")]


def test_a_reader_goes_over_to_its_next_key_by_itself(sealed):
    world, old = sealed.world, sealed.own["fi"]
    new = RecipientKey("fi", "second", X25519PrivateKey.generate())
    client = sealed.client("fi", old, new)
    assert client.keys("ee-fi", sealed.keys["ee-fi"]) == sealed.keys["ee-fi"]
    world.name_keys("fi", new.registered(SINCE, UNTIL))
    assert client.keys("ee-fi", sealed.keys["ee-fi"]) == sealed.keys["ee-fi"]
    assert sealed.rows()[0].sealing_key in {"of-fi", "second"}
    assert {row.sealing_key for row in sealed.rows()} >= {"of-fi", "second"}
    assert "PrivateKey" not in repr(new)


def test_of_two_valid_keys_the_newer_is_used(sealed):
    new = RecipientKey("fi", "newer", X25519PrivateKey.generate())
    later = new.registered(SINCE + timedelta(days=30), UNTIL)
    sealed.world.name_keys("fi", sealed.own["fi"].registered(SINCE, UNTIL), later)
    assert sealed.client("fi").agreement("ee-fi")["sealed_to"] == ["newer", "of-fi"]
    assert sealed.client("fi", sealed.own["fi"], new).keys("ee-fi", sealed.keys["ee-fi"]) == sealed.keys["ee-fi"]
    assert "newer" in {row.sealing_key for row in sealed.rows()}


def test_without_a_registered_key_nothing_is_handed_out(sealed):
    world = sealed.world
    world.name_keys("fi")
    bare = GatewayClient(sealed.url, world.tokens.issue("fi"))
    with pytest.raises(RefusedError, match="has no sealing key of `fi`"):
        bare.keys("ee-fi", sealed.keys["ee-fi"])
    assert world.heard.taken() == [("keys", "fi", "sealing_key")]


def test_who_has_sealing_keys_gets_nothing_unsealed_whatever_else_the_charter_says(sealed):
    charter = sealed.world.generation.charter
    members = [one.model_copy(update={"unsealed_keys": "for once"}) for one in charter.members]
    charter = charter.model_copy(update={"members": tuple(members)})
    sealed.world.generation = replace(sealed.world.generation, charter=charter)
    bare = GatewayClient(sealed.url, sealed.world.tokens.issue("fi"))
    with pytest.raises(RefusedError, match="sealed only"):
        bare.keys("ee-fi", sealed.keys["ee-fi"])


# --- clocks -----------------------------------------------------------------------------------------------------------


def test_a_recipients_clock_says_nothing(sealed, monkeypatch):
    client = sealed.client("fi")
    for hours in (-1, 1):
        now = datetime.now(UTC).timestamp() + hours * 3_600
        monkeypatch.setattr("time.time", lambda now=now: now)
        assert client.keys("ee-fi", sealed.keys["ee-fi"]) == sealed.keys["ee-fi"]


@pytest.mark.parametrize(("off_ms", "why"), [(-HOUR_MS, "not valid yet"), (HOUR_MS, "has expired")])
def test_a_gateways_clock_an_hour_off_refuses_what_is_not_valid_by_it(sealed, off_ms, why):
    world, now = sealed.world, datetime.now(UTC)
    key = sealed.own["fi"].registered(now - timedelta(minutes=30), now + timedelta(minutes=30))
    world.name_keys("fi", key)
    assert sealed.client("fi").keys("ee-fi", sealed.keys["ee-fi"]) == sealed.keys["ee-fi"]
    true = world.wall_ms
    world.wall_ms = lambda: true() + off_ms
    with pytest.raises(RefusedError, match=why):
        sealed.client("fi").keys("ee-fi", sealed.keys["ee-fi"])


# --- answers that somebody bent on the way ----------------------------------------------------------------------------


@contextlib.contextmanager
def bending(sealed, bend):
    """A gateway between: what it answers is what the real one does, bent. Gives a client of it."""
    real = {route.path: route for route in sealed.world.key_desk()}
    path = "/v1/agreements/{agreement}/keys"

    async def answer(request):
        said = await real[path].endpoint(request)
        return JSONResponse(bend(json.loads(said.body)), said.status_code)

    with serving([real["/v1/agreements/{agreement}"], Route(path, answer, methods=["POST"])]) as url:
        yield GatewayClient(url, sealed.world.tokens.issue("fi"), sealing_keys=[sealed.own["fi"]])


def changed(said, change):
    return {"sealed": base64.b64encode(change(base64.b64decode(said["sealed"]))).decode()}


BENDS = {
    "truncated": lambda said: changed(said, lambda message: message[:-1]),
    "cut to its head": lambda said: changed(said, lambda message: message[:33]),
    "nothing": lambda said: changed(said, lambda message: message[:0]),
    "a flipped bit": lambda said: changed(said, lambda message: message[:60] + bytes([message[60] ^ 1]) + message[61:]),
    "another point": lambda said: changed(said, lambda message: message[:1] + os.urandom(32) + message[33:]),
    "unknown version": lambda said: changed(said, lambda message: b"\x02" + message[1:]),
    "no base64": lambda said: {"sealed": "*" + said["sealed"]},
    "no text": lambda said: {"sealed": len(said)},
    "unsealed instead": lambda said: {"keys": {"01" * 8: said["sealed"][:44]}},
    "something else": lambda said: {"more": said},
}


@pytest.mark.parametrize("how", BENDS)
def test_a_bent_answer_gives_no_key(sealed, how):
    with bending(sealed, lambda said: said) as client:
        assert client.keys("ee-fi", sealed.keys["ee-fi"]) == sealed.keys["ee-fi"]
    with bending(sealed, BENDS[how]) as client, pytest.raises(RefusedError) as caught:
        client.keys("ee-fi", sealed.keys["ee-fi"])
    assert not any(key.hex() in str(caught.value) for key in sealed.keys["ee-fi"].values())


def test_an_answer_from_before_is_none_to_this_request(sealed):
    kept = []

    def replaying(said):
        kept.append(said)
        return kept[0]

    with bending(sealed, replaying) as client:
        assert client.keys("ee-fi", sealed.keys["ee-fi"]) == sealed.keys["ee-fi"]
        with pytest.raises(RefusedError, match="answers another request"):
            client.keys("ee-fi", sealed.keys["ee-fi"])


# --- bad requests -----------------------------------------------------------------------------------------------------


GOOD = {"handles": ["00" * 8], "key": "of-fi", "request": "00" * 16}


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"[" * 5_000,
        [],
        {},
        {**GOOD, "more": 1},
        {"handles": [], "key": "of-fi"},
        {**GOOD, "handles": ["00" * 8] * 1_001},
        {**GOOD, "handles": ["00" * 7]},
        {**GOOD, "handles": [7]},
        {**GOOD, "handles": "00" * 8},
        {**GOOD, "request": "00" * 15},
        {**GOOD, "request": None},
        {**GOOD, "key": ""},
        {**GOOD, "key": 7},
    ],
)
def test_a_malformed_request_is_answered_400_and_no_hand_out(sealed, body):
    before = sealed.rows()
    status, said = ask(sealed, "fi", body)
    assert (status, list(said)) == (400, ["error"])
    assert sealed.rows() == before
    assert ask(sealed, "fi", GOOD)[0] == 200


def test_a_sealing_key_that_nobody_registered_is_refused(sealed):
    status, said = ask(sealed, "fi", {**GOOD, "key": "third"})
    assert (status, "names no sealing key `third`" in said["error"]) == (403, True)


# --- the record -------------------------------------------------------------------------------------------------------


def test_every_hand_out_is_on_record_and_counted_and_no_key_is_in_it(sealed):
    world, key = sealed.world, RecipientKey("fi", "recorded", X25519PrivateKey.generate())
    world.name_keys("fi", key.registered(SINCE, UNTIL))
    at = 1_790_000_000_000
    world.wall_ms = lambda: at
    world.heard.messages.clear()
    client = sealed.client("fi", key)
    for _ in range(3):
        client.keys("ee-fi", [*sealed.keys["ee-fi"], bytes(8)])
    world.wall_ms = lambda: at + 59_000
    client.keys("ee-fi", [bytes(8)])
    world.wall_ms = lambda: at + 120_000
    client.keys("ee-fi", sealed.keys["ee-fi"])
    rows = [row for row in world.hand_outs.recorded("ee-fi") if row.sealing_key == "recorded"]
    assert [(row.recipient, row.messages, row.asked, row.given) for row in rows] == [
        ("fi", 1, 2, 2),
        ("fi", 1, 1, 0),
        ("fi", 3, 9, 6),
    ]
    assert [(row.first_ms, row.last_ms) for row in rows] == [
        (at + 120_000, at + 120_000),
        (at + 59_000, at + 59_000),
        (at, at),
    ]
    assert world.heard.messages == [("ee-fi", "fi", 2)] * 3 + [("ee-fi", "fi", 0), ("ee-fi", "fi", 2)]
    assert world.hand_outs.recorded("ee-se") == [row for row in sealed.rows() if row.agreement == "ee-se"]
    assert {str(column.type) for column in key_hand_outs.columns} == {"VARCHAR", "BIGINT", "INTEGER"}


def test_what_cannot_be_recorded_is_not_handed_out(sealed, monkeypatch):
    def full(_one):
        raise UnavailableError("the key store does not answer: its disk is full")

    monkeypatch.setattr(sealed.world.hand_outs, "record", full)
    status, said = ask(sealed, "fi", GOOD)
    assert (status, list(said)) == (503, ["error"])


def test_a_gateway_that_does_not_know_what_is_in_force_hands_out_nothing(sealed):
    before = sealed.rows()
    sealed.world.control_age_s = KNOWN_S + 1
    status, said = ask(sealed, "fi", GOOD)
    assert (status, "may have changed" in said["error"]) == (503, True)
    assert sealed.rows() == before
    sealed.world.control_age_s = KNOWN_S
    assert ask(sealed, "fi", GOOD)[0] == 200


# --- the rate ---------------------------------------------------------------------------------------------------------


class Clock:
    """Goes on only when somebody sleeps."""

    def __init__(self):
        self.now = 1_000.0
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def test_a_full_reading_takes_the_time_that_the_rate_says_and_gets_every_key(tmp_path: Path):
    people, per_second, clock = 6_000, 500, Clock()
    made = Sealed(tmp_path)
    wants = [SubjectWant(b"person-%09d" % number, "ee-fi", "ee-fi") for number in range(people)]
    keys = {one.handle: one.key for one in made.world.keys.subject_keys(wants).values()}
    made.world.rate = Rate(per_second, lambda: clock.now)
    with serving(made.world.key_desk()) as made.url:
        found = KeyCache(made.client("fi", sleep=clock.sleep), "ee-fi").get(list(keys))
        assert found == keys
        # The last message is let in when the debt of those before it is paid off.
        assert (people - 1_000) / per_second - BURST_S <= sum(clock.slept) <= people / per_second
        assert ("keys", "fi", "rate") in made.world.heard.taken()
        assert made.client("se", sleep=clock.sleep).keys("ee-se", made.keys["ee-se"]) == made.keys["ee-se"]
    made.world.engine.dispose()


def test_small_requests_pay_for_a_hundred_keys(tmp_path: Path):
    clock, per_second = Clock(), 1_000
    made = Sealed(tmp_path)
    made.world.rate = Rate(per_second, lambda: clock.now)
    with serving(made.world.key_desk()) as made.url:
        client = made.client("fi", sleep=clock.sleep)
        allowed = int(BURST_S * per_second / LEAST_COST) + 1
        for _ in range(allowed):
            client.keys("ee-fi", [bytes(8)])
        assert clock.slept == []
        client.keys("ee-fi", [bytes(8)])
        assert clock.slept == [1]
    made.world.engine.dispose()


def test_a_wait_that_nobody_could_mean_is_an_error(sealed):
    """A gateway, or somebody before it, that says 429 without a number or with an absurd one."""
    for after in ({}, {"retry-after": "86400"}, {"retry-after": "tomorrow"}):

        async def refuse(_request, after=after):
            return JSONResponse({"error": "later"}, 429, headers=after)

        with serving([Route("/v1/agreements/ee-fi/keys", refuse, methods=["POST"])]) as url:
            client = GatewayClient(url, "token", sleep=lambda _seconds: pytest.fail("it must not wait"))
            with pytest.raises(UnavailableError, match="later"):
                client.keys("ee-fi", [bytes(8)])
