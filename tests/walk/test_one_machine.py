"""The example from files to recipients on one machine, as its README starts it, held against the oracle."""

import json
import shutil
import time
import uuid
import zlib
from collections import Counter
from datetime import date, datetime
from random import Random

import generate
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from ecosystem import EXAMPLE, PAYMENTS, RESIDENCY, Ecosystem, cli, events, gone, make, until
from judging import AuditTail, Generation, Stock, judge, leaves, physical
from leaks import (
    CANARY_MAPS,
    CANARY_PATHS,
    Canary,
    canary_events,
    found_in,
    in_files,
    in_pages,
    in_segments,
    page_of,
    paths_hidden,
)
from oracle import Encrypted, Noised, summary
from oracle.documents import Documents

import penstock
from penstock.ops.key_client import GatewayClient
from penstock.schemas.errors import RecordError, RefusedError

pytestmark = pytest.mark.broker

EVENTS, SEED, BAD = 2_000, 1, 5
UNEVENTFUL = {"duplicates": 0, "unclassified": 0, "flagged": {}}
RELEASING = ("ee-fi-benefits", "ee-fi-income", "ee-stat-wages", "fi-ee-residency", "fi-stat-residency")
ENCRYPTING = ("ee-fi-benefits", "ee-fi-income", "fi-ee-residency")


class World:
    """The module's ecosystem, and what was done to it."""

    def __init__(self, ecosystem: Ecosystem) -> None:
        self.ecosystem = ecosystem
        self.faulty = self.poisoned = 0
        self.canaries: list[Canary] = []
        self.generations = {1: Generation(Documents(ecosystem.directory))}
        self.said = ""

    def expected(self) -> dict[str, dict]:
        """What the summary must say of each agreement."""
        counts = summary(
            self.generations[1].documents,
            self.ecosystem.fed,
            int(time.time() * 1000),
            self.ecosystem.opening_consents(),
        )
        return {
            key: {"delivered": one.pop("released", 0), "withheld": dict(sorted(one.items()))}
            for key, one in counts.items()
        }

    def judged(self):
        verdict = judge(self.ecosystem, self.generations)
        assert verdict.problems == []
        return verdict


@pytest.fixture(scope="module")
def world(kafka_installed, tmp_path_factory):
    made = World(make(tmp_path_factory.mktemp("walk") / "eco"))
    faulty = made.ecosystem.generate(EVENTS, SEED, BAD)
    assert len(faulty) >= 4
    rng = Random(3)
    marked, made.canaries = canary_events(events(20, seed=7), rng)
    made.ecosystem.give_consent(
        "ee-fi-benefits", [event["payee"]["national_id"] for to, event in marked if to == PAYMENTS]
    )
    made.ecosystem.feed(marked)
    spoilt, canaries = canary_events(events(5, seed=8), rng)
    made.canaries += canaries
    for dataset, event_time in ((PAYMENTS, "paid_at"), (RESIDENCY, "issued_at")):
        rows = [{**generate.row(dataset, event), event_time: "yesterday"} for to, event in spoilt if to == dataset]
        made.ecosystem.drop(dataset, rows)
    made.faulty = sum(faulty.values()) + len(spoilt)
    return made


@pytest.fixture(scope="module")
def once(world):
    """`penstock up DIR --once --json`, the first time."""
    done = world.ecosystem.up_once()
    world.said += done.out + done.err
    return done, world.expected(), len(world.ecosystem.fed)


@pytest.fixture(scope="module")
def twice(world, once):
    """The same again, with one more file, and a copy of one that was delivered under another name."""
    delivered = next((world.ecosystem.directory / "inbox" / PAYMENTS / "done").iterdir())
    shutil.copy(delivered, delivered.parents[1] / "again.ndjson")
    world.ecosystem.feed(events(250, seed=5))
    done = world.ecosystem.up_once()
    world.said += done.out + done.err
    return done, world.expected(), len(world.ecosystem.fed)


@pytest.fixture(scope="module")
def live(world, twice):
    """`penstock up DIR` on the same data, running."""
    with world.ecosystem.up() as up:
        up.wait_in_force()
        yield world
        world.said += up.said()


@pytest.fixture(scope="module")
def audit(live):
    """The audit log of the running ecosystem, to wait by."""
    tail = AuditTail(live.ecosystem.client())
    yield tail
    tail.close()


@pytest.fixture(scope="module")
def verdict(live):
    """Everything as of two deliveries, judged; nothing was changed since the start."""
    return live.judged()


def test_the_summary_is_what_the_oracle_counts(world, once):
    done, expected, fed = once
    assert done.code == 0, done.err
    assert done.json.keys() == {"events", "agreements", "seconds"}
    assert done.json["events"] == {**UNEVENTFUL, "published": fed, "quarantined": world.faulty}
    assert done.json["agreements"] == expected
    assert expected.keys() == world.ecosystem.agreements().keys()
    assert all(expected[key]["delivered"] for key in RELEASING)
    assert done.json["seconds"] > 0
    assert not [line for line in done.err.splitlines() if "Traceback" in line or "rdkafka" in line]
    assert gone(world.ecosystem.pids().values())


def test_a_second_run_adds_what_is_new_and_repeats_nothing(world, once, twice):
    (_, _, before), (done, expected, fed) = once, twice
    assert done.code == 0, done.err
    assert done.json["events"] == {**UNEVENTFUL, "published": fed, "quarantined": world.faulty}
    assert fed == before + 250
    assert done.json["agreements"] == expected
    inbox = world.ecosystem.directory / "inbox" / PAYMENTS
    assert (inbox / "done" / "again.ndjson").exists()
    assert not list((inbox / "failed").iterdir())


def test_every_view_holds_what_the_oracle_expects(live, verdict):
    """Read with stock clients: each record of each view, in its place, and each person's disclosures."""
    ids = {PAYMENTS: "payment_id", RESIDENCY: "certificate_id"}
    by_id = {event[ids[dataset]]: (dataset, event) for dataset, event in live.ecosystem.fed}
    assert len(by_id) == len(verdict.events) == len(live.ecosystem.fed)
    assert all(by_id[event[ids[dataset]]] == (dataset, event) for dataset, event in verdict.events)
    for key in live.ecosystem.agreements():
        records = sum(len(one) for one in verdict.views[key].values())
        assert records == verdict.counts[key]["released"]
        assert bool(records) == (key in RELEASING)


def test_noise_is_drawn_for_each_record(verdict):
    for key in ("ee-stat-wages", "fi-stat-residency"):
        pairs = [
            (wanted, found)
            for partition, records in verdict.views[key].items()
            for record, tree in zip(records, verdict.expected[key][partition], strict=True)
            for wanted, found in leaves(tree, record.value)
            if isinstance(wanted, Noised)
        ]
        off = [float(found) - float(wanted.clamped) for wanted, found in pairs]
        assert len(set(off)) > len(off) / 4
        assert min(off) < 0 < max(off)


def opened_by_its_recipient(ecosystem, key):
    """Return, by partition, what the recipient of an agreement reads through `penstock.open_view`."""
    read = {}
    recipient = ecosystem.agreements()[key]["recipient"]
    token, security = ecosystem.token(recipient), ecosystem.security(f"member.{recipient}")
    with penstock.open_view(key, gateway=ecosystem.gateway, token=token, security=security) as view:
        for record in view.to_end():
            read.setdefault(record.partition, []).append(record.value)
    return read


@pytest.mark.parametrize("key", ENCRYPTING)
def test_a_recipient_reads_the_originals(live, verdict, key):
    read = opened_by_its_recipient(live.ecosystem, key)
    number = 0
    for partition, wanted in verdict.expected[key].items():
        records = read.get(partition, [])
        assert len(records) == len(wanted)
        for found, tree in zip(records, wanted, strict=True):
            for one, other in leaves(tree, physical(found)):
                if isinstance(one, Encrypted):
                    assert other == one.original
                    number += 1
    assert number > 100


def test_a_recipient_reads_typed_values(live):
    first = next(iter(opened_by_its_recipient(live.ecosystem, "ee-fi-income").values()))[0]
    assert isinstance(first["paid_at"], datetime)
    assert first["paid_at"].tzinfo is not None
    assert type(first["payee"]["birth_date"]) is date
    assert isinstance(first["gross_cents"], int)
    assert isinstance(first["deductions"], list)


@pytest.mark.parametrize("token", ["", "pst_wrong", "of ee-stat"])
def test_a_wrong_or_foreign_token_is_refused(live, token):
    ecosystem = live.ecosystem
    token = ecosystem.token("ee-stat") if token == "of ee-stat" else token
    with pytest.raises(RefusedError):
        penstock.open_view("ee-fi-income", gateway=ecosystem.gateway, token=token)
    with pytest.raises(RefusedError):
        GatewayClient(ecosystem.gateway, token).keys("ee-fi-income", [bytes(8)])


def test_a_member_gets_the_keys_of_its_own_agreements_only(live, verdict):
    """Handles of another agreement, asked for under one's own, are as unknown as made-up ones."""
    ecosystem = live.ecosystem
    stolen = [
        record.value["payee"]["name"][1:9]
        for records in verdict.views["ee-fi-income"].values()
        for record in records[:5]
    ]
    kela = GatewayClient(ecosystem.gateway, ecosystem.token("fi-kela"))
    assert kela.keys("ee-fi-benefits", [*stolen, bytes(8)]) == {}
    tax = GatewayClient(ecosystem.gateway, ecosystem.token("fi-tax"))
    assert set(tax.keys("ee-fi-income", stolen)) == set(stolen)


# --- canaries ---------------------------------------------------------------------------------------------------------


def places(world):
    """Everything that is written down anywhere, but for the provider topics and the files that came in."""
    ecosystem = world.ecosystem
    state = ecosystem.directory / ".penstock"
    provider = {f"{one['provider']}.{one['dataset']}.v1" for one in ecosystem.agreements().values()}
    with Stock(ecosystem.client(), committed=False) as stock:
        own = [one for one in stock.topics() if one not in {*provider, "planted"}]
        assert {"__consumer_offsets", "penstock.audit", "quarantine.income-payments", "view.ee-fi-income"} <= set(own)
        for topic in own:
            yield f"{topic} (read uncommitted)", everything(stock, topic)
    yield from in_segments(state / "broker" / "data", own)
    yield from in_files(state)
    yield from in_pages(ecosystem)
    yield "what up said", (ecosystem.directory / "up.log").read_bytes() + world.said.encode()


def everything(stock, topic):
    records = [record for one in stock.read(topic).values() for record in one]
    parts = [part for one in records for part in (one.key, one.value, *(value for _, value in one.headers)) if part]
    return b"\n".join(parts)


def test_every_hidden_field_holds_a_canary(world):
    agreements = world.ecosystem.agreements().values()
    for dataset in (PAYMENTS, RESIDENCY):
        # An enum has six values to hide among, and what it says of a trade union is encrypted or omitted all the same.
        hidden = paths_hidden(agreements, dataset) - {"deductions[].kind"}
        assert hidden == {*CANARY_PATHS[dataset], *CANARY_MAPS[dataset]}


def test_the_search_finds_each_form_of_a_planted_canary(live, hands_on, tmp_path):
    """Aborted and compressed by the broker, or compressed before it was written."""
    canaries = list({one.path: one for one in live.canaries}.values())
    ecosystem, hands = live.ecosystem, hands_on(live.ecosystem.client())
    topic = hands.topic("planted", **{"compression.type": "lz4"})
    hands.produce(topic, *(bytes(40) + form * 3 for one in canaries for form in one.forms()), commit=False)
    segments = in_segments(ecosystem.directory / ".penstock" / "broker" / "data", [topic])
    raw, batches = (found_in([place], canaries) for place in segments)
    forms = Counter(one.path for one in canaries for _ in one.forms())
    assert len(raw) < len(batches)
    assert Counter(one.removeprefix(f"{topic} (batches): ") for one in batches) == forms
    with Stock(ecosystem.client(), committed=False) as stock:
        assert len(found_in([("", everything(stock, topic))], canaries)) == forms.total()
    with Stock(ecosystem.client()) as stock:
        assert everything(stock, topic) == b""
    (tmp_path / "x.log").write_bytes(b"x" + zlib.compress(canaries[0].text.encode() * 9) + b"x")
    assert found_in(in_files(tmp_path), canaries[:1])


def test_no_canary_is_anywhere_in_clear(live, audit, hands_on, verdict):
    ecosystem, number = live.ecosystem, audit.processed()
    canary = next(one for one in live.canaries if one.path == "payee.name")
    poison = (b"\xff" + canary.text.encode(), b"\x00\x00\x00\x00\x01" + canary.text.encode(), canary.text.encode())
    hands_on(ecosystem.client()).produce("ee-tax.income-payments.v1", *poison, key=canary.text.encode())
    audit.wait_processed(number + len(poison))
    live.poisoned = len(poison)
    assert found_in(places(live), live.canaries) == []


def test_each_canary_appears_to_whom_it_is_meant_for(live, verdict):
    found = Counter()
    hidden = {one.value: one.path for one in live.canaries}
    for key in ENCRYPTING:
        read = opened_by_its_recipient(live.ecosystem, key)
        shown = {leaf for one in read.values() for record in one for leaf in values_of(record)}
        meant = {
            value
            for trees in verdict.expected[key].values()
            for tree in trees
            for leaf, _ in leaves(tree, tree)
            if isinstance(leaf, Encrypted)
            for value in values_of(leaf.original)
            if value in hidden
        }
        assert meant <= shown
        found.update((key, hidden[value]) for value in meant)
    assert {path for key, path in found if key == "ee-fi-income"} == set(CANARY_PATHS[PAYMENTS]) - {"payment_id"}
    assert ("ee-fi-benefits", "references{}") in found
    assert {path for key, path in found if key == "fi-ee-residency"} == set(CANARY_PATHS[RESIDENCY]) - {
        "certificate_id"
    }


def values_of(value):
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in (key, *values_of(item))]
    if isinstance(value, list):
        return [leaf for item in value for leaf in values_of(item)]
    return [value]


def test_what_is_in_quarantine_opens_with_the_key_store(live):
    """Each refused record that held canaries is there, whole, for whoever may ask the key store."""
    ecosystem = live.ecosystem
    listed = ecosystem.cli("quarantine", "list", "--json").json
    assert len(listed) == live.faulty + live.poisoned
    assert {one["reason"] for one in listed} > {"type", "event_id", "duplicate", "framing"}
    spoilt = [one for one in listed if "fed" in one["source"] and one["reason"] == "type"]
    assert len(spoilt) == 5
    originals = b""
    for one in spoilt:
        shown = ecosystem.cli("quarantine", "show", one["dataset"], str(one["offset"]), "--json").json
        assert (shown["reason"], shown["source"]) == (one["reason"], one["source"])
        originals += bytes.fromhex(shown["original"])
    names = [one for one in live.canaries if one.path.endswith("name")]
    assert sum(one.text.encode() in originals for one in names) == 5


# --- commands on a running ecosystem ----------------------------------------------------------------------------------


def test_what_is_in_force_is_listed(live):
    ecosystem = live.ecosystem
    rows = ecosystem.cli("agreements", "list", "--json").json
    assert {one["agreement"]: (one["status"], one["signed"]) for one in rows} == dict.fromkeys(
        ecosystem.agreements(), ("in_force", "signed")
    )
    shown = ecosystem.cli("agreements", "show", "ee-fi-income")
    assert json.loads(shown.out)["text"]["recipient"] == "fi-tax"
    assert ecosystem.cli("agreements", "show", "nobody").code == 3
    assert {one["member"] for one in ecosystem.cli("members", "--json").json} >= {"ee-tax", "fi-tax", "fi-kela"}


def test_a_view_is_read_by_command(live):
    done = live.ecosystem.cli("read", "ee-fi-income", "-n", "3")
    records = [json.loads(line) for line in done.out.splitlines()]
    people = {event["payee"]["national_id"] for dataset, event in live.ecosystem.fed if dataset == PAYMENTS}
    assert len(records) == 3
    assert {one["payee"]["national_id"] for one in records} <= people
    assert live.ecosystem.cli("read", "nobody").code == 3


def test_every_role_says_that_it_runs(live):
    rows = cli("status", str(live.ecosystem.directory), "--json").json
    roles = {one["role"]: one["state"] for one in rows}
    datasets = ("income-payments", "tax-residency")
    wanted = {"gateway", *(f"connectors-{one}" for one in datasets), *(f"exchange-{one}-0" for one in datasets)}
    assert roles == dict.fromkeys(wanted, "running")
    assert cli("broker", "status", str(live.ecosystem.directory), "--json").code == 0


def test_disclosures_are_told_to_who_asks_by_standard_input(live, verdict):
    """What a person is told is what happened to each of the person's events, and to nobody else's."""
    ecosystem = live.ecosystem
    person = next(event["payee"]["national_id"] for dataset, event in verdict.events if dataset == PAYMENTS)
    rows = ecosystem.cli("disclosures", "--json", stdin=person + "\n").json
    mine = [
        event for dataset, event in verdict.events if dataset == PAYMENTS and event["payee"]["national_id"] == person
    ]
    mine += [
        event for dataset, event in verdict.events if dataset == RESIDENCY and event["person"]["national_id"] == person
    ]
    assert len({one["event"] for one in rows}) == len(mine)
    assert {one["decision"] for one in rows} >= {"expired", "not_yet_valid", "place"}
    assert ecosystem.cli("disclosures", "--json", stdin="nobody\n").json == []
    assert ecosystem.cli("disclosures", stdin="").code == 3


def test_explain_says_what_would_happen(live, tmp_path):
    ecosystem = live.ecosystem
    (tmp_path / "event.json").write_text(json.dumps(generate.row(PAYMENTS, payment("WAGES"))))
    words = ("explain", str(tmp_path / "event.json"), "--json", "--agreement")
    assert ecosystem.cli(*words, "ee-fi-income").json["outcome"] == "released"
    assert ecosystem.cli(*words, "ee-fi-pilot-2025").json["reason"] == "expired"
    assert ecosystem.cli(*words, "ee-fi-benefits").json["reason"] == "consent"
    assert ecosystem.cli(*words, "ee-fi-benefits", "--consent").json["outcome"] == "released"
    assert ecosystem.cli(*words, "nobody").code == 3


def test_a_view_is_shown_as_it_is_registered(live):
    ecosystem = live.ecosystem
    shown = json.loads(ecosystem.cli("view", "show", "ee-stat-wages").out)
    with SchemaRegistryClient({"url": ecosystem.registry}) as client:
        assert json.loads(client.get_latest_version("view.ee-stat-wages-value").schema.schema_str) == shown


def test_check_ends_with_two_when_documents_are_not_fit(world, tmp_path):
    directory = str(world.ecosystem.directory)
    assert cli("check", directory, "--json").code == 0
    shutil.copytree(EXAMPLE, tmp_path / "eco", ignore=shutil.ignore_patterns("inbox", ".penstock"))
    broken = Ecosystem(tmp_path / "eco")
    broken.edit(
        "agreements/ee-fi-income.yaml", "payee.national_id:         {do: encrypt}", "payee.national_id: {do: pass}"
    )
    done = cli("check", str(broken.directory), "--json")
    assert done.code == 2
    assert any(one["level"] == "error" and "national_id" in one["message"] for one in json.loads(done.out))
    done = cli("up", str(broken.directory), "--once")
    assert done.code == 2
    assert not broken.run.exists() or not list(broken.run.glob("*.json"))


def test_plan_is_loud_about_less_protection(live):
    ecosystem = live.ecosystem
    assert cli("plan", str(ecosystem.directory)).out.strip() == "nothing changes"
    path, old = "agreements/ee-stat-wages.yaml", "payee.birth_date:          {do: generalise, to: year}"
    new = "payee.birth_date:          {do: pass, reason: the day matters}"
    ecosystem.edit(path, old, new)
    try:
        said = cli("plan", str(ecosystem.directory))
        changes = cli("plan", str(ecosystem.directory), "--json").json
    finally:
        ecosystem.edit(path, new, old)
    assert said.code == 0
    assert "LESS PROTECTED" in said.out
    assert "payee.birth_date" in said.out
    assert [one["key"] for one in changes if one["kind"] == "less protected"]


# --- changes take effect without a restart ----------------------------------------------------------------------------


def payment(kind, **payee):
    """Return a payment by an Estonian payer to somebody in Finland."""
    event = next(
        event
        for dataset, event in events(400, seed=11)
        if dataset == PAYMENTS and event["payee"]["residence"] == "FI" and event["payer"]["country"] == "EE"
    )
    made = {**event, "income_type": kind, "payment_id": str(uuid.uuid4())}
    return {**made, "payee": {**event["payee"], **payee}}


def wait_for_generation(ecosystem, number):
    """Return when every exchange acts on a generation."""

    def acted_on():
        return all(
            f"penstock_generation {number}.0" in page_of(ecosystem.facts(role)["port"], "metrics").decode()
            for role in ("exchange-income-payments-0", "exchange-tax-residency-0")
        )

    until(acted_on, f"generation {number} is not acted on", timeout_s=10)


def test_changes_take_effect_while_everything_runs(live, audit, verdict):
    ecosystem, directory = live.ecosystem, str(live.ecosystem.directory)
    pids = ecosystem.pids()
    tax, security = ecosystem.token("ee-tax"), ecosystem.security("member.ee-tax")
    before = penstock.open_view("fi-ee-residency", gateway=ecosystem.gateway, token=tax, security=security)

    # Narrower, paused, and two people who changed their minds.
    predicate = 'payer.country == "EE"'
    ecosystem.edit("agreements/ee-fi-income.yaml", predicate, f'{predicate} && income_type == "WAGES"')
    assert cli("apply", directory).code == 5
    applied = cli("apply", directory, "--unsigned", "--json").json[0]
    assert (applied["generation"], applied["unsigned"]) == (2, ["ee-fi-income"])
    live.generations[2] = Generation(Documents(ecosystem.directory))
    assert ecosystem.cli("agreements", "suspend", "fi-ee-residency").code == 0
    live.generations[3] = Generation(Documents(ecosystem.directory), {"fi-ee-residency": "suspended"})
    willing, unwilling = (
        "kanari-willing",
        next(
            one["payee"]["national_id"]
            for dataset, one in live.ecosystem.fed
            if dataset == PAYMENTS and ("ee-fi-benefits", one["payee"]["national_id"]) in ecosystem.opening_consents()
        ),
    )
    assert ecosystem.cli("consent", "give", "ee-fi-benefits", stdin=f"{willing}\n").code == 0
    assert ecosystem.cli("consent", "withdraw", "ee-fi-benefits", stdin=f"{unwilling}\n").code == 0
    assert ecosystem.cli("consent", "show", "--json", stdin=unwilling).json == [
        {"agreement": "ee-fi-benefits", "consent": "withdrawn"}
    ]
    wait_for_generation(ecosystem, 3)
    feed_and_wait(
        ecosystem,
        audit,
        [
            *events(200, seed=21),
            *((PAYMENTS, payment("WAGES", national_id=one)) for one in (willing, unwilling)),
            (PAYMENTS, payment("ROYALTY")),
        ],
    )
    # Its schema, its keys and its topic are refused: what it meets first depends on what the client had fetched.
    with before, pytest.raises((RefusedError, RecordError)):
        list(before.to_end())
    with pytest.raises(RefusedError):
        penstock.open_view("fi-ee-residency", gateway=ecosystem.gateway, token=tax)

    # Resumed, and ended for good.
    assert ecosystem.cli("agreements", "resume", "fi-ee-residency").code == 0
    live.generations[4] = Generation(Documents(ecosystem.directory))
    assert ecosystem.cli("agreements", "terminate", "ee-fi-income").code == 0
    live.generations[5] = Generation(Documents(ecosystem.directory), {"ee-fi-income": "terminated"})
    assert ecosystem.cli("agreements", "resume", "ee-fi-income").code == 5
    wait_for_generation(ecosystem, 5)
    feed_and_wait(ecosystem, audit, events(200, seed=22))
    with pytest.raises(RefusedError):
        penstock.open_view("ee-fi-income", gateway=ecosystem.gateway, token=ecosystem.token("fi-tax"))
    assert opened_by_its_recipient(ecosystem, "fi-ee-residency")

    after = live.judged()
    assert ecosystem.pids() == pids
    by_generation = {}
    for one in audit.records:
        if one["kind"] == "exchange":
            for key, counts in one["agreements"].items():
                held = by_generation.setdefault((one["generation"], key), Counter())
                held.update({"released": counts["released"], **counts["withheld"]})
    assert by_generation[3, "fi-ee-residency"].keys() == {"released", "suspended"}
    assert by_generation[3, "fi-ee-residency"]["released"] == 0
    assert by_generation[3, "ee-fi-income"]["released"] > 0
    assert by_generation[5, "fi-ee-residency"]["released"] > 0
    assert by_generation[5, "ee-fi-income"] == {"released": 0, "not_in_force": by_generation[5, "ee-fi-income"].total()}
    for person, decision in ((willing, "released"), (unwilling, "consent")):
        rows = ecosystem.cli("disclosures", "--json", stdin=person).json
        assert [one["decision"] for one in rows if one["agreement"] == "ee-fi-benefits"][-1] == decision
    assert after.counts["ee-fi-income"]["released"] > 0


def feed_and_wait(ecosystem, audit, more):
    number = audit.processed()
    ecosystem.feed(more)
    audit.wait_processed(number + len(more))
