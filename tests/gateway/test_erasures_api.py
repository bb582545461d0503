"""Notices and receipts at the gateway: each member its own, nobody without a credential, nothing that does not hold."""

import base64
import json
import urllib.parse
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_world import MEMBERS
from http_serving import serving

from penstock.ops.gateway.erasures_api import ErasureDesk
from penstock.ops.store.erasing import Papers
from penstock.ops.store.kms_file import FileKms
from penstock.ops.store.store_keys import StoreKeys, is_new
from penstock.processors.erasure_notice import notice, receipt, signed
from penstock.processors.signing import public_text
from penstock.schemas.canonical import digest
from penstock.schemas.charter import Member
from penstock.schemas.errors import UnavailableError

CASE = "20261201-0a1b2c3d"
KEYS = {one: Ed25519PrivateKey.generate() for one in MEMBERS}


class Desk:
    """A gateway's desk over a real store; `taken` are the steps that it wrote down."""

    def __init__(self, world):
        kek = Path(world.engine.url.database).with_name("kek")
        kms = FileKms(kek, create=is_new(world.engine))
        self.papers = Papers(world.engine, StoreKeys(world.engine, kms))
        members = tuple(
            Member(id=one, name=one, country="EE", roles=("recipient",), public_key=public_text(KEYS[one]))
            for one in MEMBERS
        )
        charter = world.generation.charter.model_copy(update={"members": members})
        generation = replace(world.generation, charter=charter)
        self.taken, self.down = [], False
        self.desk = ErasureDesk(world.doors, self.papers, lambda: generation, self.record)
        self.tokens = {one: world.tokens.issue(one) for one in MEMBERS}
        self.heard = world.heard
        for one in MEMBERS:
            self.papers.keep_notice(CASE, one, signed("notice", told(one), "ee", KEYS["ee"]))

    def record(self, step):
        if self.down:
            raise UnavailableError("Kafka does not answer")
        self.taken.append(step)

    def ask(self, method, path, token, body=None):
        connection = HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=30)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        said = answer.status, json.loads(answer.read())
        connection.close()
        return said

    def answer(self, member, body, case=CASE, token=None):
        return self.ask("POST", f"/v1/erasures/{case}/receipt", self.tokens[member] if token is None else token, body)

    def waiting(self, member):
        status, said = self.ask("GET", "/v1/erasures", self.tokens[member])
        assert status == 200
        return [one["said"] for one in said["notices"]]


def told(member):
    entry = {"agreement": f"ee-{member}", "pseudonyms": [member * 3], "handles": []}
    return notice(ecosystem="eco", case=CASE, recipient=member, agreements=[entry], at_ms=1, due_ms=2)


def said_by(member, **changes):
    said = receipt(case=CASE, recipient=member, answers=digest(told(member)), outcome="erased", ground="", at_ms=3)
    return signed("receipt", {**said, **changes}, member, KEYS[member])


@pytest.fixture
def desk(world):
    made = Desk(world)
    with serving(made.desk.routes()) as url:
        made.url = url
        yield made
    for one in MEMBERS:
        made.papers.drop(CASE, one)


def test_each_member_is_told_its_own_and_its_receipt_is_written_down_once(desk):
    for member in MEMBERS:
        assert desk.waiting(member) == [told(member)]
    assert desk.answer("fi", said_by("fi")) == (201, {"state": "received"})
    (step,) = desk.taken
    assert (step.case, step.kind, step.by, step.outcome, step.at_ms) == (CASE, "received", "fi", "erased", 3)
    assert step.digest == digest(told("fi"))
    assert desk.waiting("fi") == []
    assert desk.answer("fi", said_by("fi"))[0] == 403
    assert desk.waiting("se") == [told("se")]
    assert len(desk.taken) == 1


@pytest.mark.parametrize("token", ["", "pst_nobodys", base64.b64encode(b"x").decode()])
def test_who_has_no_good_credential_is_told_nothing_and_read_nothing_of(desk, token):
    assert desk.ask("GET", "/v1/erasures", token)[0] == 401
    assert desk.answer("fi", b"not even json", token=token)[0] == 401
    assert desk.taken == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (said_by("se"), 403),  # another member's
        (signed("receipt", said_by("fi")["said"], "fi", KEYS["se"]), 403),  # another's key
        (said_by("fi", notice="ab"), 403),
        (said_by("fi", case="another"), 403),
        (said_by("fi", recipient="se"), 403),
        ({**said_by("fi"), "member": "se"}, 403),
        (said_by("fi", outcome="maybe"), 400),
        (said_by("fi", outcome="kept"), 400),  # without a ground
        (said_by("fi", ground="a ground for nothing"), 400),
        (said_by("fi", outcome="kept", ground="x" * 501), 400),
        (said_by("fi", at_ms="3"), 400),
        (b"not json", 400),
        (b"[" * 20_000, 400),
        ([], 403),
        ({}, 403),
    ],
)
def test_what_does_not_hold_is_refused_and_the_notice_stays(desk, body, status):
    assert desk.answer("fi", body)[0] == status
    assert desk.taken == []
    assert desk.waiting("fi") == [told("fi")]


def test_a_case_that_has_no_notice_for_one_is_refused_and_counted(desk):
    desk.heard.taken()
    assert desk.answer("fi", said_by("fi"), case="20261201-ffffffff")[0] == 403
    assert desk.heard.taken() == [("keys", "fi", "authorization")]


def test_what_is_kept_has_a_ground(desk):
    assert desk.answer("fi", said_by("fi", outcome="kept", ground="Archives Act §3"))[0] == 201
    assert (desk.taken[0].outcome, desk.taken[0].ground) == ("kept", "Archives Act §3")


def test_where_kafka_does_not_answer_the_notice_stays(desk):
    desk.down = True
    assert desk.answer("fi", said_by("fi"))[0] == 503
    assert desk.waiting("fi") == [told("fi")]
    desk.down = False
    assert desk.answer("fi", said_by("fi"))[0] == 201
