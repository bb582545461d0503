"""What every role of a running ecosystem exports, held against the page that describes it and the documents it runs."""

import json
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest
import yaml
from ecosystem import PAYMENTS, RESIDENCY, cli, events, make, until
from prometheus_client.parser import text_string_to_metric_families
from promtool import check_config, needed

from penstock.ops.metrics.words import ACCESS_REASONS, AGREEMENT_STATES, ALLOWED, CODES

DOCS = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
CANARY = "38001085718-canary"
ROW = re.compile(r"^\| `(penstock_[a-z_]+)` \| (counter|gauge|histogram) \| ([a-z, ]*)\|", re.MULTILINE)


def documented(text):
    """The page's metrics: name to type and labels."""
    return {
        name: (kind, frozenset(filter(None, labels.replace(" ", "").split(","))))
        for name, kind, labels in ROW.findall(text)
    }


def families_of(page):
    """Our families on a page: name (as one queries it) to type and labels of its series."""
    found = {}
    for family in text_string_to_metric_families(page):
        if family.name.startswith("penstock_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            found[name] = (family.type, frozenset(labels))
    return found


def differences(text, pages):
    """What the page says and no role does, and the other way round."""
    said, found = documented(text), {}
    for page in pages:
        for name, (kind, labels) in families_of(page).items():
            found[name] = (kind, found.get(name, (kind, frozenset()))[1] | labels)
    wrong = [f"{name} is exported, not documented" for name in found.keys() - said.keys()]
    wrong += [f"{name} is documented, not exported" for name in said.keys() - found.keys()]
    for name in said.keys() & found.keys():
        kind, labels = said[name]
        # A family without a series yet shows no labels.
        if found[name][0] != kind or (found[name][1] and found[name][1] != labels):
            wrong.append(f"{name} is {found[name]}, documented as {said[name]}")
    return sorted(wrong)


@pytest.fixture(scope="module")
def live(kafka_installed, tmp_path_factory):
    ecosystem = make(tmp_path_factory.mktemp("live") / "tax")
    ecosystem.feed(events(40, seed=3))
    bad = json.dumps({"payment_id": CANARY, "national_id": CANARY})
    ecosystem.drop_bytes(PAYMENTS, "bad.ndjson", f"{bad}\n".encode())
    with ecosystem.up() as up:
        up.wait_in_force()
        until(lambda: processed(ecosystem) >= 40, "the events are not processed")
        until(lambda: quarantined(ecosystem) >= 1, "the bad row is not in quarantine")
        yield ecosystem


def pages(ecosystem):
    targets = json.loads((ecosystem.run / "prometheus-targets.json").read_text())
    return {one["labels"]["role"]: page(one["targets"][0]) for one in targets}


def page(target):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{target}/metrics", timeout=5) as answer:
        return answer.read().decode()


def summed(ecosystem, name):
    found = pages(ecosystem).values()
    return sum(
        sample.value
        for one in found
        for family in text_string_to_metric_families(one)
        for sample in family.samples
        if sample.name == name
    )


def processed(ecosystem):
    return summed(ecosystem, "penstock_events_in_total")


def quarantined(ecosystem):
    return summed(ecosystem, "penstock_events_quarantined_total")


def test_every_role_is_a_target_with_its_labels(live):
    targets = json.loads((live.run / "prometheus-targets.json").read_text())
    sources = yaml.safe_load((live.directory / "connectors.yaml").read_text())["sources"]
    expected = {"gateway", *(f"exchange-{one}-0" for one in (PAYMENTS, RESIDENCY))}
    expected |= {f"connectors-{one['id']}" for one in sources}
    assert {one["labels"]["role"] for one in targets} == expected
    assert {one["labels"]["kind"] for one in targets} == {"gateway", "exchange", "connectors"}
    assert {one["labels"]["ecosystem"] for one in targets} == {"cross-border-tax"}


def test_the_page_of_metrics_says_what_there_is_and_nothing_else(live):
    assert differences(DOCS.read_text(), pages(live).values()) == []


def test_what_is_missing_on_either_side_or_differs_is_found(live):
    text = DOCS.read_text()
    row = next(line for line in text.splitlines() if line.startswith("| `penstock_events_in_total`"))
    found = list(pages(live).values())
    assert differences(text.replace(row, ""), found) == ["penstock_events_in_total is exported, not documented"]
    planted = row.replace("events_in", "planted")
    assert differences(f"{text}\n{planted}\n", found) == ["penstock_planted_total is documented, not exported"]
    (wrong,) = differences(text.replace(row, row.replace("| dataset |", "| agreement |")), found)
    assert wrong.startswith("penstock_events_in_total is ")


def test_promtool_finds_nothing_wrong_with_any_page(live):
    promtool = needed("promtool")
    for role, text in pages(live).items():
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), role


def test_promtool_takes_the_configuration(live, tmp_path):
    needed("promtool")
    (tmp_path / "prometheus.yml").write_text(cli("metrics", "config", str(live.directory)).out)
    assert check_config(tmp_path / "prometheus.yml") == ""


def bounds(ecosystem):
    """Every value that a label may have here."""
    charter = yaml.safe_load((ecosystem.directory / "charter.yaml").read_text())
    sources = yaml.safe_load((ecosystem.directory / "connectors.yaml").read_text())["sources"]
    members = [one["id"] for one in charter["members"]]
    named = {
        "dataset": {PAYMENTS, RESIDENCY},
        "agreement": set(ecosystem.agreements()),
        "source": {one["id"] for one in sources},
        "principal": {"unknown", "gateway", "operator", *members, *(f"member.{one}" for one in members)},
    }
    return {**{label: set(values) for label, values in CODES.items()}, **named}


def test_no_label_holds_anything_but_ids_of_the_documents_and_codes(live):
    allowed, seen = bounds(live), set()
    for text in pages(live).values():
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                for label, value in sample.labels.items():
                    seen.add(label)
                    if label != "le" and family.name.startswith("penstock_"):
                        assert label in ALLOWED
                        assert value in allowed[label], (sample.name, label)
    assert {"dataset", "agreement", "source", "reason", "outcome", "operation", "state", "place"} <= seen


def test_no_value_of_an_event_is_on_any_page(live):
    text = "\n".join(pages(live).values())
    assert CANARY not in text
    values = {str(event["payee"]["national_id"]) for to, event in live.fed if to == PAYMENTS}
    assert values
    assert not [one for one in values if one in text]


def test_the_counts_are_of_what_was_fed(live):
    assert processed(live) == len(live.fed)
    assert summed(live, "penstock_published_total") == len(live.fed)
    assert summed(live, "penstock_publish_commit_seconds_count") == len(live.fed)
    assert summed(live, "penstock_fields_encrypted_total") > 0
    assert summed(live, "penstock_store_operations_total") > 0
    assert summed(live, "penstock_role_waiting") == 0
    assert summed(live, "penstock_fences_total") == 0


def test_what_roles_depend_on_is_well_and_the_control_topic_known(live):
    found = pages(live)
    until(lambda: all(age < 5 for age in ages(live)), "the end of the control topic is not known", 20)
    for name in ("penstock_store_healthy", "penstock_kms_healthy"):
        assert summed(live, name) == len(found), name


def ages(ecosystem):
    return [
        sample.value
        for text in pages(ecosystem).values()
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "penstock_control_age_seconds"
    ]


def test_the_page_names_every_word_of_ours():
    text = DOCS.read_text()
    for word in (*ACCESS_REASONS, *AGREEMENT_STATES, *CODES["door"], *CODES["place"], *CODES["outcome"]):
        assert f"`{word}`" in text, word
    for word in CODES["operation"] | ALLOWED:
        assert f"`{word}`" in text, word


def test_a_process_that_is_replaced_is_counted_over_its_end(live):
    def told(name):
        try:
            return summed(live, name)
        except OSError:  # one of them ends just now, or begins
            return None

    with live.role("exchange", "--dataset", RESIDENCY, "--slot", "0"):
        until(lambda: told("penstock_fences_total"), "nobody was fenced")
    until(lambda: told("penstock_role_waiting") == 0, "the slot does not run again")
    assert summed(live, "penstock_fences_total") >= 1


def test_prometheus_takes_every_query_of_the_page(tmp_path):
    queries = re.findall(r"^\| [^|`]+\? \| `(.+)` \|$", DOCS.read_text(), re.MULTILINE)
    assert len(queries) >= 10
    rules = [{"record": f"question:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "questions", "rules": rules}]}))
    done = subprocess.run(
        [needed("promtool"), "check", "rules", "--lint=none", str(tmp_path / "rules.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
