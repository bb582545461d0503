"""Keeps input flowing: at a tier's pace, never so far ahead that faults would meet a backlog and not a flow."""

import threading
from pathlib import Path

from steering import Helper
from watch import Watch

TICK_S = 0.25
MOST_WAITING = 5_000
HURRY = 5_000.0


class Feeder:
    """A thread that tells the writer its pace."""

    def __init__(self, writer: Helper, journal: Path, watch: Watch, pace: float) -> None:
        self.pace = pace
        self.written = 0
        self._writer = writer
        self._journal = journal
        self._watch = watch
        self._read = 0
        self._told = -1.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="feeder", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Return how many records Kafka took that no slot has dealt with."""
        return self.written - self._watch.processed()

    def hurry(self) -> None:
        """Feed as fast as the work is done."""
        self.pace = HURRY

    def end(self) -> None:
        """Write no more; return when Kafka has all of it and it is in the journal."""
        self._ended.set()
        self._thread.join()
        self._writer.end(120)
        self._count()

    def _feed(self) -> None:
        while not self._ended.wait(TICK_S):
            self._count()
            pace = 0.0 if self.waiting > MOST_WAITING else self.pace
            if pace != self._told:
                self._writer.say(str(pace))
                self._told = pace

    def _count(self) -> None:
        if self._journal.exists():
            with self._journal.open("rb") as file:
                file.seek(self._read)
                data = file.read()
            self._read += len(data)
            self.written += data.count(b"\n")
