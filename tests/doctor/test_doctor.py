"""What `penstock doctor` says of an ecosystem that is well, and of one in which something planted is wrong."""

import json
import os
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from certificates import Authority
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from ecosystem import cli, make, until
from generations import generation_of

from penstock.ops.alerts.files import ALERTS
from penstock.ops.clock import now_ms
from penstock.ops.doctor.certificates import certificates
from penstock.ops.doctor.doors import lasting
from penstock.ops.doctor.papers import sealing_keys, validity
from penstock.ops.doctor.result import Check, Verdict
from penstock.ops.doctor.signs import Page, signs_of
from penstock.ops.metrics import ExchangeMetrics, PublisherMetrics, read_page
from penstock.ops.recipient_keys import RecipientKey
from penstock.ops.wiring import Wiring
from penstock.schemas.access import Rule
from penstock.schemas.charter import Member
from penstock.schemas.errors import UnavailableError
from penstock.schemas.observer import BatchCounts, PublishCounts
from penstock.streams.access import AccessAdmin

DAY_MS = 86_400_000
RUNBOOKS = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()


def looked_at(directory):
    """Return the rows of `doctor --json`, and its exit code."""
    done = cli("doctor", str(directory), "--json")
    return json.loads(done.out.strip().splitlines()[-1]), done.code


def ill(rows):
    return {row["check"]: row["said"] for row in rows if row["verdict"] == "ill"}


@pytest.fixture(scope="module")
def ecosystem(tmp_path_factory, kafka_installed):
    return make(tmp_path_factory.mktemp("doctor") / "eco")


@pytest.fixture(scope="module")
def running(ecosystem):
    with ecosystem.up() as up:
        up.wait_in_force()
        states = lambda: {row["role"]: row["state"] for row in cli("status", str(ecosystem.directory), "--json").json}  # noqa: E731 - read twice, below
        until(lambda: set(states().values()) == {"running"}, "every role runs")
        yield up


@pytest.mark.broker
def test_of_what_runs_well_it_finds_nothing_ill(ecosystem, running):
    rows, code = looked_at(ecosystem.directory)
    assert ill(rows) == {}
    assert code == 0
    checks = {row["check"] for row in rows}
    assert checks >= {"documents", "disk", "secrets", "key store", "roles", "topics", "in force", "lag", "registry"}
    assert {row["verdict"] for row in rows if row["check"] in {"access", "credentials"}} == {"well"}


@pytest.mark.broker
def test_a_role_that_hangs_is_named_with_its_runbook(ecosystem, running):
    pid = ecosystem.pids()["exchange-tax-residency-0"]
    os.kill(pid, signal.SIGSTOP)
    try:
        rows, code = looked_at(ecosystem.directory)
    finally:
        os.kill(pid, signal.SIGCONT)
    (row,) = [one for one in rows if one["verdict"] == "ill"]
    assert "exchange-tax-residency-0 is not answering" in row["said"]
    assert row["runbook"].endswith("#penstockroledown")
    assert code == 1


@pytest.mark.broker
def test_what_a_role_finds_ill_is_told_with_the_runbook_of_its_alert(ecosystem, running):
    kek = ecosystem.directory / ".penstock" / "kek"

    def told():
        rows, _ = looked_at(ecosystem.directory)
        return {row["said"] for row in rows if row["runbook"].endswith("#penstockkmsdown")}

    assert told() == set()
    kek.rename(kek.with_name("kek.away"))
    try:
        until(lambda: "gateway finds the KMS ill" in told(), "it is not told")
    finally:
        kek.with_name("kek.away").rename(kek)
    until(lambda: told() == set(), "it is told still")


@pytest.mark.broker
def test_documents_that_differ_from_what_is_in_force_are_noted(ecosystem, running):
    path = ecosystem.directory / "charter.yaml"
    before = path.read_text()
    path.write_text(before.replace("Official statistics", "Official statistics of the state"))
    try:
        rows, _ = looked_at(ecosystem.directory)
    finally:
        path.write_text(before)
    (row,) = [one for one in rows if one["check"] == "in force"]
    assert row["verdict"] == "note"
    assert "differ" in row["said"]


@pytest.mark.broker
def test_a_secret_that_others_may_read_is_named(ecosystem, running):
    kek = ecosystem.directory / ".penstock" / "kek"
    kek.chmod(0o644)
    try:
        rows, code = looked_at(ecosystem.directory)
    finally:
        kek.chmod(0o600)
    assert str(kek) in ill(rows)["secrets"]
    assert code == 1


@pytest.mark.broker
def test_rights_that_nothing_in_force_says_are_ill_and_lacking_ones_are_told(ecosystem, running):
    admin = AccessAdmin(Wiring(ecosystem.directory).cluster())
    stray = Rule("member.fi-tax", "READ", "topic", "view.ee-stat-wages")
    lacking = Rule("member.fi-tax", "READ", "topic", "view.ee-fi-income")
    admin.add([stray])
    admin.drop([lacking])
    try:
        rows, code = looked_at(ecosystem.directory)
    finally:
        assert cli("access", "sync", str(ecosystem.directory)).code == 0
    told = {row["verdict"]: row["said"] for row in rows if row["check"] == "access"}
    assert set(told) == {"ill", "warning"}
    assert str(stray) in told["ill"]
    assert str(lacking) in told["warning"]
    assert code == 1
    assert not [row for row in rows if row["check"] == "in force" and row["verdict"] != "well"]


@pytest.mark.parametrize(("days", "verdict"), [(-2, Verdict.ILL), (13, Verdict.WARNING), (15, Verdict.WELL)])
def test_a_certificate_about_to_end_is_told(tmp_path, days, verdict):
    root = make(tmp_path / "eco").directory
    authority = Authority(root, "ca")
    *_, both = authority.issue("gateway")
    page = root / "ecosystem.yaml"
    page.write_text(page.read_text() + f"gateway: {{certificate_file: {both.name}, key_file: {both.name}}}\n")
    ends = x509.load_pem_x509_certificate(both.read_bytes()).not_valid_after_utc
    (found,) = certificates(root, ends - timedelta(days=days))
    assert found.verdict is verdict
    assert (both.name in found.said) == (verdict is not Verdict.WELL)


def test_a_certificate_that_is_not_there_is_ill_and_none_named_says_nothing(tmp_path):
    root = make(tmp_path / "eco").directory
    assert list(certificates(root)) == []
    page = root / "ecosystem.yaml"
    page.write_text(page.read_text() + "gateway: {certificate_file: no.pem, key_file: no.key}\n")
    (found,) = certificates(root)
    assert found.verdict is Verdict.ILL
    assert "no.pem cannot be read (no such file or directory)" in found.said


def test_tokens_and_users_about_to_end_are_told_unless_they_were_replaced_or_made_to(tmp_path):
    wiring = Wiring(make(tmp_path / "eco").directory)
    now = now_ms()
    wiring.tokens().issue("fi-tax", 90)
    wiring.tokens().issue("ee-stat", 1)
    wiring.credentials().issued("member.fi-tax", now, now + 30 * DAY_MS)
    wiring.credentials().revoked("member.ee-stat", now)
    (found,) = lasting(wiring)
    assert found.verdict is Verdict.WELL
    (user,) = lasting(wiring, now + 20 * DAY_MS)
    assert user.verdict is Verdict.WARNING
    assert "the Kafka user member.fi-tax ends" in user.said
    assert user.remedy == "penstock tokens issue fi-tax --kafka"
    (token,) = lasting(wiring, now + 91 * DAY_MS)
    assert "the token of fi-tax for keys ended" in token.said
    wiring.tokens().issue("fi-tax", 120)
    (found,) = lasting(wiring, now + 91 * DAY_MS)
    assert found.verdict is Verdict.WELL


def page_of(role, metrics):
    return Page(role, read_page(metrics.page().decode()))


def shown(page):
    return [(one.verdict, one.alert, one.said) for one in signs_of(page)]


def exchange_that_did(*, events=200, released=200, withheld=0, refused=0, took_s=0.1, aborted=0):
    metrics = ExchangeMetrics("income")
    metrics.generation(1, ["ee-fi"])
    appended = {round((time.time() - took_s) * 1000): events}
    outcome = {"ee-fi": released}, {"ee-fi": {"predicate": withheld}}, {"type": refused}
    metrics.batch(BatchCounts("income", events, *outcome, 0.0, appended=appended), 0.01)
    for _ in range(aborted):
        metrics.aborted()
    return page_of("exchange-income-0", metrics)


def test_an_exchange_at_work_shows_nothing():
    assert shown(exchange_that_did()) == []


@pytest.mark.parametrize(
    ("did", "verdict", "alert", "said"),
    [
        ({"released": 0, "withheld": 200}, Verdict.NOTE, "PenstockAgreementAllWithheld", "ee-fi released nothing"),
        ({"refused": 40}, Verdict.WARNING, "PenstockQuarantineRate", "refused 40 of 240 records"),
        ({"took_s": 3.0}, Verdict.WARNING, "PenstockFreshnessBurn", "late for 100% of its events"),
        ({"aborted": 4}, Verdict.WARNING, "PenstockTransactionsAborting", "aborted 4 of 5 transactions"),
    ],
)
def test_what_an_exchange_counts_is_told_as_its_alert_would(did, verdict, alert, said):
    ((found, named, words),) = shown(exchange_that_did(**did))
    assert (found, named) == (verdict, alert)
    assert said in words


def source_that_did(published=100, refused=0, silent_s=0):
    metrics = PublisherMetrics("permits", "income")
    charter, contract = SimpleNamespace(members=[]), SimpleNamespace(id="income", quality=[])
    metrics.know(charter, contract, "PT10M")
    metrics.published(PublishCounts("permits", "income", published, {"type": refused}), 0.01)
    metrics.heard(now_ms() - silent_s * 1000)
    return page_of("connectors-permits", metrics)


def test_a_source_that_keeps_its_promise_shows_nothing():
    assert shown(source_that_did(silent_s=590)) == []


@pytest.mark.parametrize(
    ("did", "alert", "said"),
    [
        ({"silent_s": 700}, "PenstockSourceSilent", "silent for 700 s, and promised 600"),
        ({"refused": 11}, "PenstockQuarantineRate", "refused 11 of 111 records"),
    ],
)
def test_what_a_source_counts_is_told_as_its_alert_would(did, alert, said):
    ((verdict, named, words),) = shown(source_that_did(**did))
    assert (verdict, named) == (Verdict.WARNING, alert)
    assert said in words


def test_erasures_that_wait_for_somebody_are_told_as_their_alerts_would():
    def told(overdue, undone):
        samples = {
            "penstock_erasure_receipts_overdue": [({"recipient": "fi-tax"}, overdue)],
            "penstock_erasures_undone": [({}, undone)],
        }
        return shown(Page("gateway", samples))

    assert told(0, 0) == []
    assert told(2, 1) == [
        (Verdict.WARNING, "PenstockErasureOverdue", "fi-tax has not answered 2 notices of erasure in time"),
        (Verdict.WARNING, "PenstockErasureUndone", "1 erasures were approved and are not carried out"),
    ]


def test_a_role_that_does_not_know_the_control_topic_and_finds_its_store_ill_is_told():
    def told(age, healthy):
        samples = {"penstock_control_age_seconds": [({}, age)], "penstock_store_healthy": [({}, healthy)]}
        return [alert for _, alert, _ in shown(Page("gateway", samples))]

    assert told(59.0, 1.0) == []
    assert told(61.0, 0.0) == ["PenstockControlStale", "PenstockKeyStoreDown"]


def test_where_nothing_ever_ran_it_makes_nothing(tmp_path):
    directory = make(tmp_path / "eco").directory
    rows, _ = looked_at(directory)
    assert {row["check"]: row["verdict"] for row in rows}["store"] == "note"
    assert not (directory / ".penstock").exists()


def test_documents_that_are_not_fit_are_ill(tmp_path):
    ecosystem = make(tmp_path / "eco")
    ecosystem.edit("connectors.yaml", "id: tax-residency\n    kind: file", "id: tax-residency\n    kind: flie")
    rows, code = looked_at(ecosystem.directory)
    assert "1 errors" in ill(rows)["documents"]
    assert code == 1


@pytest.mark.parametrize(("days", "verdict"), [(-1, Verdict.NOTE), (13, Verdict.WARNING), (15, Verdict.WELL)])
def test_an_agreement_about_to_expire_is_told_fourteen_days_before(days, verdict):
    generation = generation_of()
    (held,) = generation.agreements.values()
    now = held.agreement.valid.until - timedelta(days=days)
    (found,) = validity(generation, now.astimezone(UTC))
    assert found.verdict is verdict


def test_a_suspended_agreement_is_told():
    (found,) = validity(generation_of(status="suspended"), datetime(2026, 6, 1, tzinfo=UTC))
    assert found.verdict is Verdict.NOTE
    assert "suspended" in found.said


@pytest.mark.parametrize(
    ("days", "verdict"), [(15, Verdict.WELL), (14, Verdict.WELL), (13, Verdict.WARNING), (-1, Verdict.WARNING)]
)
def test_a_sealing_key_about_to_end_is_told_fourteen_days_before(days, verdict):
    key = RecipientKey("fi", "a", X25519PrivateKey.generate())
    now = datetime(2026, 6, 1, tzinfo=UTC)
    member = {"sealing_keys": (key.registered(now - timedelta(days=100), now + timedelta(days=days)),)}
    (found,) = sealing_keys(with_recipient(member), now)
    assert found.verdict is verdict
    older = key.registered(now - timedelta(days=100), now + timedelta(days=1))
    (found,) = sealing_keys(with_recipient({"sealing_keys": (*member["sealing_keys"], older)}), now)
    assert found.verdict is verdict, "the last one counts"


@pytest.mark.parametrize(("member", "verdict"), [({}, Verdict.WARNING), ({"unsealed_keys": "a test"}, Verdict.WELL)])
def test_a_recipient_who_is_handed_no_keys_is_told(member, verdict):
    (found,) = sealing_keys(with_recipient(member), datetime(2026, 6, 1, tzinfo=UTC))
    assert found.verdict is verdict


def with_recipient(said):
    """A generation with one agreement that encrypts, whose recipient the charter describes so."""
    made = generation_of()
    member = Member(id="fi", name="fi", country="FI", roles=("recipient",), **said)
    return replace(made, charter=made.charter.model_copy(update={"members": (member,)}))


def test_a_look_that_fails_is_a_finding():
    def look():
        raise UnavailableError("it does not answer", place="there", remedy="start it")

    (found,) = Check("thing", look, "PenstockRoleDown").results()
    assert (found.verdict, found.said, found.remedy) == (Verdict.ILL, "there: it does not answer", "start it")


def test_every_runbook_that_it_names_is_there():
    source = "".join(path.read_text() for path in (Path(__file__).resolve().parents[2] / "ops" / "doctor").glob("*.py"))
    alerts = {word.strip('",') for word in source.replace(")", " ").split() if word.startswith('"Penstock')}
    assert alerts == {alert.name for alert in ALERTS}, "there is something that an alert is for and nobody looks at"
    for alert in alerts:
        assert f"\n### {alert}\n" in RUNBOOKS, alert
