"""An agreement that begins in the past, and one that catches up with what came while it was suspended."""


def put_in_force(line, agreement, **place):
    """Apply again with another place of one agreement in the lane."""
    line.changes[agreement] = {**line.changes[agreement], **place}
    line.apply()


def test_an_agreement_that_begins_in_the_past_gets_all_of_it_in_order(line_of, wait_until):
    """One partition goes on, the other is quiet: both are caught up with."""
    line = line_of(count=1)
    working = line.start()
    line.publish(500)
    wait_until(lambda: line.whole(line.agreements[0]))
    late = line.add()
    put_in_force(line, late, held={"start": {0: 0, 1: 100}})
    wait_until(lambda: working.exchange._program.generation.number == 2)
    line.publish(1)
    wait_until(lambda: line.numbers(late) == {0: list(range(251)), 1: list(range(100, 250))})
    line.publish(299)
    wait_until(lambda: line.numbers(late) == {0: list(range(400)), 1: list(range(100, 400))})
    assert line.whole(line.agreements[0])
    assert working.behind() == {}
    assert line.cover(late) == {0: list(range(400)), 1: list(range(100, 400))}


def test_what_came_while_suspended_is_caught_up_with_where_the_agreement_says_so(line_of, wait_until):
    line = line_of(count=2)
    skips, catches_up = line.agreements
    working = line.start()
    line.publish(100)
    wait_until(lambda: line.whole(skips) and line.whole(catches_up))
    line.changes[skips] = {"status": "suspended"}
    line.changes[catches_up] = {"status": "suspended", "on_resume": "catch-up"}
    line.apply()
    wait_until(lambda: working.exchange._program.generation.number == 2)
    line.publish(100)
    wait_until(lambda: line.accounted() == 200)
    assert line.numbers(skips) == line.numbers(catches_up) == {0: list(range(50)), 1: list(range(50))}
    line.changes[skips] = {"status": "in_force"}
    line.changes[catches_up] = {"status": "in_force", "on_resume": "catch-up"}
    line.apply()
    wait_until(lambda: line.whole(catches_up))
    line.publish(100)
    wait_until(lambda: line.whole(catches_up))
    wait_until(lambda: line.accounted() == 300)
    assert line.numbers(skips) == {key: [*range(50), *range(100, 150)] for key in (0, 1)}
    assert working.behind() == {}
    assert line.cover(catches_up) == line.cover(skips) == line.owed()
