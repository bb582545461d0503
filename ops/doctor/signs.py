"""What the roles' own metrics say that an alert would call somebody for; counts are since a role began."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..alerts.burn import FEWEST as FEWEST_TIMED
from ..alerts.burn import OBJECTIVE, WITHIN_S
from ..alerts.flow import FEWEST, MOST_ABORTS, MOST_REFUSED
from ..alerts.roles import STALE_S
from ..health import ask, status
from ..home import Home
from ..metrics import read_page
from .result import Result, Verdict, well

Samples = Mapping[str, list[tuple[Mapping[str, str], float]]]

OVER = {"not_yet_valid", "not_in_force", "expired"}
"""Reasons for which an agreement releases nothing as it should."""
MOST_ABORTED = 0.01


@dataclass(frozen=True, slots=True)
class Page:
    """The metrics of one role."""

    role: str
    samples: Samples

    def total(self, *names: str, **labels: str) -> float:
        return sum(value for name in names for found, value in self.of(name) if labels.items() <= found.items())

    def of(self, name: str) -> list[tuple[Mapping[str, str], float]]:
        return self.samples.get(f"penstock_{name}", [])


def signs(home: Home) -> Iterator[Result]:
    """Say what the pages of the roles that run here show."""
    pages = list(_pages(home))
    found = [one for page in pages for one in signs_of(page)]
    yield from found
    if pages and not found:
        yield well("metrics", f"{len(pages)} roles show nothing that an alert is for")


def _pages(home: Home) -> Iterator[Page]:
    for row in status(home.root):
        if row["state"] in {"running", "waiting", "starting"} and (answer := ask(int(row["port"]), "/metrics")):
            yield Page(str(row["role"]), read_page(answer[1]))


def signs_of(page: Page) -> Iterator[Result]:
    """Say what one page shows."""
    yield from _stands_on(page)
    yield from _silent(page)
    yield from _aborting(page)
    yield from _refusing(page)
    yield from _withholding(page)
    yield from _late(page)
    yield from _erasing(page)


def _stands_on(page: Page) -> Iterator[Result]:
    age = page.total("control_age_seconds")
    if age > STALE_S:
        said = f"{page.role} has not known the end of the control topic for {age:.0f} s"
        yield Result("metrics", Verdict.ILL, said, "see whether Kafka answers it", "PenstockControlStale")
    for name, what, alert in (
        ("store_healthy", "key store", "PenstockKeyStoreDown"),
        ("kms_healthy", "KMS", "PenstockKmsDown"),
    ):
        if any(value == 0 for _, value in page.of(name)):
            said = f"{page.role} finds the {what} ill"
            yield Result("metrics", Verdict.ILL, said, "its log says why", alert)


def _silent(page: Page) -> Iterator[Result]:
    limits = {labels["source"]: value for labels, value in page.of("source_silence_limit_seconds")}
    for labels, silence in page.of("source_silence_seconds"):
        source = labels["source"]
        if silence > limits.get(source, float("inf")):
            said = f"the source {source} is silent for {silence:.0f} s, and promised {limits[source]:.0f}"
            yield Result("metrics", Verdict.WARNING, said, "is it the source, or the road?", "PenstockSourceSilent")


def _aborting(page: Page) -> Iterator[Result]:
    aborted, every = page.total("transactions_total", outcome="aborted"), page.total("transactions_total")
    if aborted > MOST_ABORTS and aborted > MOST_ABORTED * every:
        said = f"{page.role} aborted {aborted:.0f} of {every:.0f} transactions since it began"
        yield Result("metrics", Verdict.WARNING, said, "its log says why", "PenstockTransactionsAborting")


def _refusing(page: Page) -> Iterator[Result]:
    refused = page.total("events_quarantined_total")
    every = refused + page.total("published_total", "events_in_total")
    if refused > FEWEST and refused > MOST_REFUSED * every:
        said = f"{page.role} refused {refused:.0f} of {every:.0f} records since it began"
        yield Result("metrics", Verdict.WARNING, said, "penstock quarantine list", "PenstockQuarantineRate")


def _withholding(page: Page) -> Iterator[Result]:
    withheld: dict[str, float] = {}
    for labels, value in page.of("events_withheld_total"):
        if labels["reason"] not in OVER:
            withheld[labels["agreement"]] = withheld.get(labels["agreement"], 0) + value
    for agreement, count in sorted(withheld.items()):
        if count > FEWEST and not page.total("events_released_total", agreement=agreement):
            said = f"{agreement} released nothing and withheld {count:.0f} events since {page.role} began"
            remedy = "penstock explain EVENT --agreement ID says why"
            yield Result("metrics", Verdict.NOTE, said, remedy, "PenstockAgreementAllWithheld")


def _late(page: Page) -> Iterator[Result]:
    every = page.total("publish_commit_seconds_count")
    late = every - page.total("publish_commit_seconds_bucket", le=str(WITHIN_S))
    if every > FEWEST_TIMED and late > (1 - OBJECTIVE) * every:
        said = f"{page.role} was late for {late / every:.0%} of its events since it began"
        yield Result("metrics", Verdict.WARNING, said, "penstock status: does it wait?", "PenstockFreshnessBurn")


def _erasing(page: Page) -> Iterator[Result]:
    for labels, count in page.of("erasure_receipts_overdue"):
        if count:
            said = f"{labels['recipient']} has not answered {count:.0f} notices of erasure in time"
            yield Result("metrics", Verdict.WARNING, said, "penstock erasure status", "PenstockErasureOverdue")
    if undone := page.total("erasures_undone"):
        said = f"{undone:.0f} erasures were approved and are not carried out"
        yield Result("metrics", Verdict.WARNING, said, "penstock erasure execute CASE", "PenstockErasureUndone")
