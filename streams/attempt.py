"""What a runner keeps in mind between two transactions: one without a known end, and what is due before another."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from .job import Work


@dataclass(slots=True)
class Attempt:
    """A transaction of whose end nobody was told yet. `after`: the offsets that it moves the group to."""

    work: Work
    after: Mapping[int, int]
    began: float = field(default_factory=time.monotonic)

    def tell(self, *, committed: bool) -> None:
        if committed:
            self.work.committed(time.monotonic() - self.began)
        else:
            self.work.aborted()


@dataclass(slots=True)
class Due:
    """What must be done before the next transaction."""

    renewal: bool = False
    rewind: bool = False
    word: bool = False
    """The job is to be told that it must look again at what is committed."""

    def any(self) -> bool:
        return self.renewal or self.rewind or self.word
