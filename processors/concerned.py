"""Which datasets a new generation changes anything for."""

from ..schemas.canonical import digest
from ..schemas.generation import Generation, to_record


def datasets_concerned(before: Generation | None, after: Generation) -> frozenset[str]:
    """Return the datasets whose slots decide otherwise from `after` on: all of them where the charter changed."""
    every = frozenset((*after.contracts, *(before.contracts if before else ())))
    if before is None or _charter(before) != _charter(after):
        return every
    old, new = _shares(before, every), _shares(after, every)
    return frozenset(one for one in every if old[one] != new[one])


def _charter(generation: Generation) -> str:
    return digest(to_record(generation)["charter"])


def _shares(generation: Generation, datasets: frozenset[str]) -> dict[str, str]:
    """Return, by dataset, the digest of its contract and of its agreements with their states."""
    record = to_record(generation)

    def share(dataset: str) -> str:
        agreements = [record["agreements"][held.agreement.id] for held in generation.of_dataset(dataset)]
        return digest({"contract": record["contracts"].get(dataset), "agreements": agreements})

    return {dataset: share(dataset) for dataset in datasets}
