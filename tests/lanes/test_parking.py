"""A view topic that is denied, deleted or too small: its agreement waits, the others go on, nothing is lost."""

import itertools
import logging

import pytest
from lane_line import BULK

from penstock.schemas.errors import KeyUnavailableError

log = logging.getLogger(__name__)
FAULTS = {
    "denied": ("deny", "allow", "TOPIC_AUTHORIZATION_FAILED"),
    "too-small": ("shrink", "grow", "MSG_SIZE_TOO_LARGE"),
}
GAP_MS = 5_000


def gap_ms(line, agreement):
    """The longest time between two appends to a view."""
    found = []
    for partition in (0, 1):
        times = [one.appended_ms for one in line.seen(agreement) if one.partition == partition]
        found += [after - before for before, after in itertools.pairwise(times)]
    return max(found)


@pytest.mark.alone  # it promises a time
@pytest.mark.parametrize("fault", FAULTS)
def test_one_view_topic_that_fails_stops_nobody_else(line_of, wait_until, fault):
    breaks, repairs, error = FAULTS[fault]
    line = line_of(count=3)
    bad, *good = line.agreements
    working = line.start()
    line.publish(100)
    wait_until(lambda: all(line.whole(one) for one in line.agreements))
    line.feed(1)
    getattr(line, breaks)(bad)
    line.feed(6)
    wait_until(lambda: all(line.whole(one) for one in good))
    assert set(working.behind().values()) == {("parked", error)}
    before = line.numbers(bad)
    assert before != line.owed()
    assert all(before[one] == list(range(len(before[one]))) for one in before)
    getattr(line, repairs)(bad)
    line.feed(2)
    wait_until(lambda: line.whole(bad), 60)
    wait_until(lambda: working.behind() == {})
    line.publish(100)
    wait_until(lambda: all(line.whole(one) for one in line.agreements))
    gaps = [gap_ms(line, one) for one in good]
    log.info("%s: the longest gaps of the others are %s ms", fault, gaps)
    assert max(gaps) < GAP_MS
    assert [line.cover(one) for one in line.agreements] == [line.owed()] * 3
    assert working.failure is None


@pytest.mark.alone  # it promises a time
def test_a_deleted_view_topic_is_gone_on_with_once_it_is_there_again(line_of, wait_until):
    line = line_of(count=2)
    bad, good = line.agreements
    working = line.start()
    line.publish(100)
    wait_until(lambda: line.whole(bad) and line.whole(good))
    line.delete(bad)
    line.feed(6)
    wait_until(lambda: line.whole(good))
    assert {reason for reason, _ in working.behind().values()} == {"parked"}
    line.create(bad)
    wait_until(lambda: line.numbers(bad) == line.owed(first=50), 60)
    wait_until(lambda: working.behind() == {})
    log.info("deleted: the longest gap of the other is %d ms", gap_ms(line, good))
    assert gap_ms(line, good) < GAP_MS
    assert line.cover(bad) == line.owed()


def test_an_agreement_without_its_own_key_is_parked(line_of, wait_until):
    line = line_of(count=2)
    bad, good = line.agreements
    line.changes[bad]["safeguards"] = BULK
    line.apply()
    working = line.start()
    working.keys.missing[bad] = KeyUnavailableError("it is missing")
    line.publish(50)
    wait_until(lambda: line.whole(good))
    assert set(working.behind().values()) == {("parked", "key_unavailable")}
    working.keys.missing.clear()
    wait_until(lambda: line.whole(bad))
    assert line.cover(bad) == line.owed()


def test_what_the_provider_topic_holds_no_more_is_skipped_and_seen_in_the_audit_log(line_of, wait_until, caplog):
    line = line_of(count=2)
    bad, good = line.agreements
    working = line.start()
    line.publish(20)
    wait_until(lambda: line.whole(bad) and line.whole(good))
    line.shrink(bad)
    line.publish(100)
    wait_until(lambda: line.whole(good) and working.behind())
    line.forget(before=40)
    line.grow(bad)
    wait_until(lambda: working.behind() == {}, 40)
    left = [*range(10), *range(40, 60)]
    assert line.numbers(bad) == line.cover(bad) == {0: left, 1: left}
    assert line.cover(good) == line.owed()
    assert "30 offsets are gone before they were caught up with" in caplog.text
