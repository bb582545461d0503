"""How many records a transaction takes: as many as can be decided and produced in time (law 7), and no more."""

AIM_S = 0.175
"""Law 7 ends at half a second: twice and more of this is left for a machine that is busy for a moment."""
FIRST = 250


class Pace:
    """Grows and shrinks batches by what the last ones took, up to `most` records."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.records = min(FIRST, most)

    def took(self, records: int, seconds: float) -> None:
        """Be told that so many records took `seconds` from the first look at them until Kafka had what follows."""
        fitting = int(records * AIM_S / max(seconds, 1e-6))
        if seconds > AIM_S:
            # One that was slow by chance should not cost more than half.
            self.records = max(1, self.records // 2, min(self.records, fitting))
        elif records >= self.records:
            self.records = min(self._most, 2 * self.records, max(fitting, self.records))

    def too_slow(self) -> None:
        """Be told that a batch took too long to be committed at all."""
        self.records = max(1, self.records // 2)
