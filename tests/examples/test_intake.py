"""The generator's files as penstock takes them in: good rows are accepted, faulty ones refused for the known reason."""

from collections import Counter
from pathlib import Path

import generate
import pytest

from penstock.connectors.files.file_drop import FileDrop
from penstock.ops.documents.load import load
from penstock.processors.decoding import Decoder
from penstock.processors.intake import Intake
from penstock.processors.judged import Accepted

DOCUMENTS = load(Path(generate.__file__).parent)
SECRET = bytes(32)


@pytest.mark.parametrize("dataset", [generate.PAYMENTS, generate.RESIDENCY])
def test_known_faults_are_refused_for_the_known_reasons_and_nothing_else(tmp_path: Path, dataset: str) -> None:
    writers = generate.write(tmp_path / "inbox", seed=3, n=12_000, rate=None, bad=20)
    wanted = [event for to, event in generate.events(3, 12_000) if to == dataset]
    (source,) = [one for one in DOCUMENTS.connectors.sources if one.dataset == dataset]
    refused, taken = taken_in(tmp_path / source.path, source.format, dataset)
    assert refused == writers[dataset].faulty
    assert len(taken) == writers[dataset].written - sum(refused.values())
    by_id = {event[DOCUMENTS.contracts[dataset].event_id]: event for event in wanted}
    assert all(by_id[event[DOCUMENTS.contracts[dataset].event_id]] == event for event in taken)


def taken_in(folder: Path, form: str, dataset: str) -> tuple[Counter[str], list[dict[str, object]]]:
    """Return how many rows were refused by reason, and the events that were accepted, decoded again."""
    contract = DOCUMENTS.contracts[dataset]
    drop = FileDrop(folder, form)
    drop.open(None, lambda _: False)
    decoder = Decoder(contract, {1: contract.schema}, lambda _: {}, SECRET)
    refused: Counter[str] = Counter()
    taken = []
    file = ""
    for batch in drop.batches(500):
        if not batch:
            break
        for record in batch:
            if record.position["sha256"] != file:
                file = record.position["sha256"]
                intake = Intake(contract, 1, SECRET, text=drop.text)
            answer = intake.take(record, 0)
            if isinstance(answer, Accepted):
                taken.append(dict(decoder.decode(answer.value).value))
            else:
                refused[str(answer.reason)] += 1
    return refused, taken
