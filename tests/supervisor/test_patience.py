"""What `penstock up` asks of roles that it has just started: again, while one of them does not answer in time."""

import pytest

from penstock.ops.up import patiently
from penstock.schemas.errors import DocumentError, UnavailableError


class Late:
    """Answers the third time."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        if self.asked < 3:
            raise UnavailableError("the schema registry does not answer", place="http://127.0.0.1:1")
        return "in force"


def test_who_answers_late_is_asked_again_and_told_of() -> None:
    said: list[str] = []
    assert patiently(Late(), said.append, pause_s=0) == "in force"
    assert said == ["waiting: http://127.0.0.1:1: the schema registry does not answer"] * 2


def test_who_never_answers_is_given_up() -> None:
    late = Late()
    with pytest.raises(UnavailableError):
        patiently(late, lambda _: None, within_s=-1, pause_s=0)
    assert late.asked == 1


def test_whatever_else_is_wrong_is_said_at_once() -> None:
    def refuse() -> None:
        raise DocumentError("no")

    with pytest.raises(DocumentError):
        patiently(refuse, lambda _: None)
