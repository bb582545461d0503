"""What a tier does, and in which order: a seed gives the same schedule again.

Each worker has a lane of faults of its own, done one after the other; Kafka has one too. Lanes run beside each other,
so that faults which do not depend on each other overlap. Last come kills that meet nothing else that is broken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from penstock.schemas.crash_points import POINTS

PRODUCE, TXN_OFFSET_COMMIT, END_TXN = 0, 28, 26
OFTEN = frozenset({"decoded", "decided", "noised", "encrypted"})
"""Points that a batch passes once an event, not once."""

NETWORK = ("cut", "mute_up", "mute_down", "delay", "reset", "reset_produce")
REPLAYS = ("end_stall", "end_reset", "produce_stall", "produce_reset", "offsets_stall", "offsets_reset")
OURS = ("store_locked", "view_small", "state_full", "gateway_kill")
AT_ONCE = frozenset({"reset", "reset_produce", "gateway_kill"})
PAUSES_S = (1.0, 3.0, 6.0, 11.0, 17.0)
"""Around each patience: calls 5 s, sessions 10 s, a step 12 s, transactions 15 s."""

CLOCK_STEPS_S = (3_600, -3_600, 86_400, -5)
"""Beyond and within what the gateway forgives a role's clock, forward and back."""

LONG_PAUSE_S = 33.0
"""Beyond the broker's own session with its controller; once in a while."""


@dataclass(frozen=True)
class Fault:
    """One thing to do; `gap_s`: how long things go well before it."""

    kind: str
    gap_s: float
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Tier:
    """How many of each."""

    records: int
    kills: int
    points: int
    broker_kills: int
    pauses: tuple[float, ...]
    network: int
    replays: tuple[str, ...]
    zombies: int
    storms: int
    ours: int
    parts: int = 1
    pace: float = 450.0
    three_brokers: int = 0
    one_of_three: int = 0
    gap_s: float = 1.0
    clocks: int = 0
    quiet: int = 0
    """How many of the kills come last, one after the other, with nothing else broken: recovery is measured by them."""
    quiet_brokers: int = 0
    """How many of the broker's kills come last of all, for the same reason."""


NOTHING = Tier(0, 0, 0, 0, (), 0, (), 0, 0, 0)
TIERS: Mapping[str, Tier] = {
    "pr": Tier(100_000, 20, 1, 3, (17.0,), 5, REPLAYS[:2], 1, 1, 1, pace=600, clocks=2, quiet=6, quiet_brokers=2),
    "nightly": Tier(
        200_000, 300, 20, 50, (*PAUSES_S * 9, *PAUSES_S[:3], LONG_PAUSE_S, LONG_PAUSE_S), 100, REPLAYS * 4, 50, 4, 9,
        parts=4, pace=250, three_brokers=20, clocks=20, quiet=80, quiet_brokers=20,
    ),
    "release": Tier(
        1_000_000, 1_000, 100, 150, (*PAUSES_S * 28, *(LONG_PAUSE_S,) * 10), 300, REPLAYS * 20, 200, 20, 30,
        parts=16, pace=300, three_brokers=60, clocks=60, quiet=320, quiet_brokers=60,
    ),
}  # fmt: skip


def part_of(tier: Tier, part: int) -> Tier:
    """Return what one of a tier's parts does: an equal share, the first parts what is left over."""

    def share(whole: int) -> int:
        return whole // tier.parts + (part < whole % tier.parts)

    return replace(
        tier,
        records=-(-tier.records // tier.parts),
        kills=share(tier.kills),
        points=share(tier.points),
        broker_kills=share(tier.broker_kills),
        pauses=tier.pauses[part :: tier.parts],
        network=share(tier.network),
        replays=tier.replays[part :: tier.parts],
        zombies=share(tier.zombies),
        storms=share(tier.storms),
        ours=share(tier.ours),
        parts=1,
        three_brokers=share(tier.three_brokers),
        clocks=share(tier.clocks),
        quiet=share(tier.quiet),
        quiet_brokers=share(tier.quiet_brokers),
    )


def on_three(share: Tier) -> Tier:
    """Return what follows a part on three brokers: one of them killed at a time, workers now and then."""
    kills = max(3, share.three_brokers // 2)
    return replace(NOTHING, one_of_three=share.three_brokers, kills=kills, records=10_000, gap_s=5.0)


def lanes(tier: Tier, seed: int, workers: int) -> list[list[Fault]]:
    """Return the faults of each worker's lane."""
    lot = Random(f"{seed}/workers")
    faults = [_fault("worker_kill", lot, tier.gap_s, ready=lot.random() > 0.15) for _ in range(tier.kills - tier.quiet)]
    faults += [_point(point, lot, tier.gap_s) for point in POINTS for _ in range(tier.points)]
    faults += [
        _fault(NETWORK[n % len(NETWORK)], lot, tier.gap_s, **_lasting(NETWORK[n % len(NETWORK)], lot))
        for n in range(tier.network)
    ]
    faults += [_fault(kind, lot, tier.gap_s) for kind in tier.replays]
    faults += [_fault("zombie", lot, tier.gap_s) for _ in range(tier.zombies)]
    faults += [
        _fault("clock", lot, tier.gap_s, step_s=CLOCK_STEPS_S[n % len(CLOCK_STEPS_S)], for_s=lot.uniform(2, 9))
        for n in range(tier.clocks)
    ]
    lot.shuffle(faults)
    return [faults[worker::workers] for worker in range(workers)]


def quiet(tier: Tier, seed: int) -> list[Fault]:
    """Return the kills that come after all else: of the workers in turn, then of Kafka."""
    lot = Random(f"{seed}/quiet")
    workers = [_fault("worker_kill", lot, tier.gap_s, ready=True) for _ in range(tier.quiet)]
    return workers + [_broker_kill(lot) for _ in range(tier.quiet_brokers)]


def common(tier: Tier, seed: int) -> list[Fault]:
    """Return the faults of what all workers need: Kafka, the gateway, the store."""
    lot = Random(f"{seed}/common")
    faults = [_broker_kill(lot) for _ in range(tier.broker_kills - tier.quiet_brokers)]
    faults += [
        _fault("one_of_three", lot, 2.0, node=n % 3 + 1, down_s=lot.uniform(0, 2)) for n in range(tier.one_of_three)
    ]
    faults += [_fault("pause", lot, 4.0, for_s=seconds) for seconds in tier.pauses]
    faults += [_fault("storm", lot, 2.0, for_s=15.0) for _ in range(tier.storms)]
    faults += [_fault(OURS[n % len(OURS)], lot, 2.0, **_lasting(OURS[n % len(OURS)], lot)) for n in range(tier.ours)]
    lot.shuffle(faults)
    return faults


def _lasting(kind: str, lot: Random) -> dict[str, Any]:
    """Return for how long: a reset and a kill are over at once."""
    return {} if kind in AT_ONCE else {"for_s": lot.uniform(2, 9)}


def _fault(kind: str, lot: Random, gap_s: float, **detail: Any) -> Fault:
    return Fault(kind, lot.uniform(0, 2 * gap_s), detail)


def _broker_kill(lot: Random) -> Fault:
    return _fault("broker_kill", lot, 4.0, down_s=lot.uniform(0, 2))


def _point(point: str, lot: Random, gap_s: float) -> Fault:
    times = lot.randint(1, 300) if point in OFTEN else lot.randint(1, 3)
    return _fault("crash_point", lot, gap_s, point=point, times=times)
