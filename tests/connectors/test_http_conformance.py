"""The HTTP source under the conformance kit: senders wait for their answer and send again, with the same key."""

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from http_stand import Stand as Http
from http_stand import event

from penstock.connectors.conformance.kit import Stand, assert_conforms
from penstock.connectors.http.source import http_source
from penstock.schemas.ports import Source

EVENTS = 10


class Senders:
    """Post each event once it is the next in the queue, to whichever source there is, until it is answered."""

    def __init__(self, folder: Path) -> None:
        self._http = Http(folder)
        self._answered: set[int] = set()
        self._sources: list[Any] = []

    def source(self) -> Source:
        """A new source, as after a restart; what was not answered is sent to it."""
        made = http_source(self._http.place)
        self._sources.append(made)
        threading.Thread(target=self._feed, args=(made,), daemon=True).start()
        return made

    def leave(self) -> None:
        for source in self._sources:
            source.stop()

    def _feed(self, source: Any) -> None:
        queued, put = [], source._desk.put

        def counted(parcel: Any) -> bool:
            taken = put(parcel)
            queued.extend([parcel] if taken else [])
            return bool(taken)

        source._desk.put = counted
        for posted, number in enumerate([one for one in range(EVENTS) if one not in self._answered], 1):
            threading.Thread(target=self._post, args=(source, number), daemon=True).start()
            # The next one only when this one lies in the queue, else two senders could overtake each other.
            while self._sources[-1] is source and len(queued) < posted and number not in self._answered:
                time.sleep(0.001)

    def _post(self, source: Any, number: int) -> None:
        while self._sources[-1] is source:
            sender = Http.__new__(Http)
            sender.__dict__ |= {**self._http.__dict__, "source": source}
            if asyncio.run(sender.post(event(number), key=f"k{number}")).status == 202:
                self._answered.add(number)
                return
            time.sleep(0.01)


def test_the_http_source_conforms(tmp_path: Path) -> None:
    numbers = itertools.count()

    @contextlib.contextmanager
    def stand() -> Iterator[Stand]:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        senders = Senders(folder)
        yield Stand(senders.source, EVENTS, ("2026-06",))
        senders.leave()

    assert_conforms(stand, patience_s=5)
