"""What a member may have of what is in force: its views while their agreements last, and what it provides itself."""

import time
from collections.abc import Callable

from ...schemas.charter import Member
from ...schemas.generation import AgreementInForce, Generation


class Entitled:
    """`current` gives the generation in force, None before the first; `now_s` the wall clock."""

    def __init__(self, current: Callable[[], Generation | None], now_s: Callable[[], float] = time.time) -> None:
        self._current = current
        self._now_s = now_s

    def knows(self, member: str | None) -> bool:
        """Say whether the charter in force names `member`."""
        return member is not None and self.member(member) is not None

    def member(self, member: str) -> Member | None:
        """Return what the charter in force says of `member`, None when it does not name it."""
        generation = self._current()
        return generation.charter.member(member) if generation else None

    def agreement(self, member: str | None, agreement: str) -> AgreementInForce | None:
        """Return an agreement of which `member` is the recipient, None unless it is in force and lasts."""
        generation = self._current()
        held = generation.agreements.get(agreement) if generation else None
        return held if held is not None and self._is_of(held, member) else None

    def subjects(self, member: str | None) -> frozenset[str]:
        """Return the registry's subjects that are a member's own.

        Of a provider topic those of all majors, since what is retained under the older ones is its own too.
        """
        generation = self._current()
        if generation is None:
            return frozenset()
        views = {one.view_topic for one in generation.agreements.values() if self._is_of(one, member)}
        provided = [one.contract for one in generation.contracts.values() if one.contract.provider == member]
        topics = {f"{member}.{one.id}.v{major}" for one in provided for major in range(one.major + 1)}
        return frozenset(f"{topic}-value" for topic in views | topics)

    def _is_of(self, held: AgreementInForce, member: str | None) -> bool:
        lasts = self._now_s() < held.agreement.valid.until.timestamp()
        return lasts and held.status == "in_force" and held.agreement.recipient == member
