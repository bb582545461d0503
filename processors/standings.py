"""Whether a record may be decided at all, by agreement: what holds whatever the record says."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..schemas.reasons import Reason
from .outcome import Input
from .turns import Turn


@dataclass(frozen=True, slots=True)
class Standings:
    """The standing of each of `agreements` (their ids) for one batch, in which `turn` says who is served where."""

    agreements: Sequence[str]
    standing: Sequence[Reason | None]
    turn: Turn

    @property
    def alike(self) -> bool:
        """Say whether they are the same for every record."""
        return not self.turn.aside and not self.turn.begins

    def of(self, source: Input) -> Sequence[Reason | None]:
        """Return the standings for one record: whose it is not to decide now, or never was."""
        if self.alike:
            return self.standing
        aside = self.turn.aside.get(source.partition, ())
        never = {
            key
            for (key, partition), begin in self.turn.begins.items()
            if partition == source.partition and source.offset < begin
        }
        return [
            Reason.NOT_IN_FORCE if one in never else Reason.PARKED if one in aside else standing
            for one, standing in zip(self.agreements, self.standing, strict=True)
        ]
