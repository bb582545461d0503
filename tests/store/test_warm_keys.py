"""Keys at hand: what was put is given back as long as it may be, and never longer."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.ops.store.warm_keys import WarmKeys
from penstock.schemas.ports import SubjectKey, SubjectWant

AGE_S = 100.0


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


def want(number, agreement="a"):
    return SubjectWant(number.to_bytes(16, "big"), "domain", agreement)


def key(number):
    return SubjectKey(bytes([number % 256]) * 8, bytes([number % 256]) * 32, f"p{number}", bytes([1]) * 32)


def test_what_was_put_is_given_back_and_the_rest_is_missing():
    warm = WarmKeys(1_000, AGE_S, Clock())
    warm.put(want(1), key(1))
    assert warm.many([want(1), want(2), want(1, "b")]) == ({want(1): key(1)}, [want(2), want(1, "b")])


def test_a_key_is_kept_for_half_its_age_at_least():
    clock = Clock()
    warm = WarmKeys(1_000, AGE_S, clock)
    warm.put(want(1), key(1))
    clock.now += AGE_S / 2 + 1
    warm.many([])
    clock.now += AGE_S / 2 - 2
    assert warm.many([want(1)])[1] == []


@given(st.lists(st.tuples(st.floats(0, 3 * AGE_S / 4), st.integers(0, 5)), max_size=40))
def test_no_key_is_older_than_it_may_be(steps):
    clock, put = Clock(), {}
    warm = WarmKeys(1_000, AGE_S, clock)
    for wait_s, number in steps:
        clock.now += wait_s
        found, missing = warm.many([want(number)])
        if found:
            assert clock.now - put[number] <= AGE_S
        for one in missing:
            warm.put(one, key(number))
            put[number] = clock.now


def test_there_are_never_more_than_the_limit():
    warm = WarmKeys(100, AGE_S, Clock())
    for number in range(1_000):
        warm.put(want(number), key(number))
        assert len(warm) <= 100
    assert warm.many([want(999)])[1] == []


def test_a_key_does_not_print_itself():
    shown = f"{key(7)} {key(7)!r} {[key(7)]}"
    assert shown.count("SubjectKey(0707070707070707)") == 3
    assert "p7" not in shown


def raw(number):
    one = key(number)
    return one.handle + one.key + one.rekey + one.pseudonym.encode()


def test_keys_at_hand_come_side_by_side_for_each_subject_that_is_asked_for():
    clock = Clock()
    warm = WarmKeys(1_000, AGE_S, clock)
    warm.put(want(1), key(1))
    clock.now += AGE_S / 2 + 1
    warm.many([])
    warm.put(want(2), key(2))
    subjects = [want(2).subject, None, want(3).subject, want(1).subject]
    assert warm.at_hand("domain", "a", subjects) == [raw(2), None, None, raw(1)]
    assert warm.at_hand("domain", "b", subjects) == [None] * 4
    clock.now += AGE_S / 2
    assert warm.at_hand("domain", "a", subjects) == [raw(2), None, None, None]
