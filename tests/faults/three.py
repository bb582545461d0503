"""The world on three brokers, of which one at a time is killed: what one keeps is on the two others as well."""

import time
from pathlib import Path

from cluster import ThreeBrokers
from nemesis import PATIENCE_S, CommonNemesis
from part import Part
from world import WORKERS, World, now_ms


class ThreeWorld(World):
    """Workers reach the brokers without a proxy: the brokers are what is broken here."""

    def _kafka(self) -> tuple[str, list[str]]:
        self.three = ThreeBrokers(self.run / "brokers")
        return self.three.bootstrap, [self.three.bootstrap] * WORKERS

    def _start_kafka(self) -> None:
        self.three.start()

    def _stop_kafka(self) -> None:
        self.three.stop()

    def segments(self) -> list[Path]:
        return self.three.segments

    def heal(self) -> None:
        """Nothing is between the workers and Kafka."""


class ThreeNemesis(CommonNemesis):
    """Kills one of three."""

    world: ThreeWorld

    def one_of_three(self, *, node: int, down_s: float) -> bool:
        """Kill a broker -9; streams go on without it. Then start it again, and wait until it is in step."""
        at_ms = now_ms()
        self.world.three.kill(node)
        moved = self.world.watch.everything_moves(at_ms, PATIENCE_S)
        time.sleep(down_s)
        self.world.three.restart(node)
        self.world.note(
            kind="one_of_three", worker=None, at_ms=at_ms, healed_ms=now_ms(), moved_ms=moved, partitions=[], node=node
        )
        return True


class PartOnThree(Part):
    """A part on three brokers."""

    common_nemesis = ThreeNemesis
