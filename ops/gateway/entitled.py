"""What a member may have of what is in force: its views while their agreements last, and what it provides itself."""

import time
from collections.abc import Callable

from ...schemas.charter import Member
from ...schemas.errors import UnavailableError
from ...schemas.generation import AgreementInForce, Generation

KNOWN_S = 10.0
"""So long a gateway that hears nothing of the control topic goes on with what it knows: keys that left stay away."""


class Entitled:
    """`current` gives the generation in force, None before the first; `now_s` the wall clock.

    `age_s` says how many seconds ago that was known to be the newest.
    """

    def __init__(
        self,
        current: Callable[[], Generation | None],
        now_s: Callable[[], float] = time.time,
        age_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._current = current
        self._now_s = now_s
        self._age_s = age_s

    def require_known(self) -> None:
        """Raise UnavailableError when what is in force may have changed since it was heard of."""
        if self._age_s() > KNOWN_S:
            raise UnavailableError(
                f"what is in force was last heard of more than {KNOWN_S:.0f} s ago, and may have changed",
                place="penstock.control",
                remedy="the gateway must reach Kafka",
            )

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
