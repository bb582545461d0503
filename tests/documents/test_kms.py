"""What `ecosystem.yaml` says of KEKs: read, and judged against the charter."""

import pytest

from penstock.schemas.errors import DocumentError
from penstock.schemas.kms import FileKek, TransitKek

TRANSIT = "{kind: transit, url: https://vault.example:8200, key: penstock, token_env: VAULT_TOKEN}"
PLAN = "kms:\n  members:\n    city: {}\n"


def said(ecosystem, plan):
    with (ecosystem.root / "ecosystem.yaml").open("a") as file:
        file.write(plan)
    return [(one.level.value, one.message) for one in ecosystem.examine() if "kek" in f"{one.key}{one.message}".lower()
            or one.key.startswith("kms")]  # fmt: skip


def test_without_a_word_the_ecosystems_kek_is_a_file_of_its_own(ecosystem):
    plan = ecosystem.load().ecosystem.kms
    assert (plan.ecosystem, dict(plan.members), plan.cached_seconds) == (FileKek(kind="file"), {}, 900)


def test_a_providers_own_kms_is_read_and_nothing_is_said_of_it(ecosystem):
    assert said(ecosystem, PLAN.format(TRANSIT)) == []
    named = ecosystem.load().ecosystem.kms.members["city"]
    assert isinstance(named, TransitKek)
    assert (named.key, named.mount, named.token_env) == ("penstock", "transit", "VAULT_TOKEN")


@pytest.mark.parametrize("plan", ["kms:\n  ecosystem: {kind: file}\n", PLAN.format("{kind: file}")])
def test_a_kek_in_a_file_that_is_asked_for_is_warned_of(ecosystem, plan):
    ((level, message),) = said(ecosystem, plan)
    assert level == "warning"
    assert "for development" in message


def test_a_member_that_does_not_exist_is_an_error(ecosystem):
    assert said(ecosystem, PLAN.replace("city", "cty").format(TRANSIT)) == [("error", "unknown member 'cty'")]


@pytest.mark.parametrize(("old", "new", "words"), [
    ("transit,", "vault,", "must be"),
    ("VAULT_TOKEN", "s.secret", "the name of an environment variable"),
    ("https://vault", "https://me:secret@vault", "an http or https address"),
    ("key: penstock", "key: ../sys", "a key's name"),
])  # fmt: skip
def test_what_is_not_written_as_it_must_be_is_refused(ecosystem, old, new, words):
    with (ecosystem.root / "ecosystem.yaml").open("a") as file:
        file.write(PLAN.format(TRANSIT.replace(old, new)))
    with pytest.raises(DocumentError, match=words):
        ecosystem.load()
