"""Keeping Kafka's users and rules as what is in force wants them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ...processors.access import Scene, wanted_roles, wanted_rules
from ...processors.access_drift import Drift, drift
from ...schemas.access import Rule
from ...schemas.generation import Generation
from ...streams.access import AccessAdmin
from ...streams.settings import Cluster
from .passwords import Passwords, new_password

_TRIES = 5
SceneOf = Callable[[Generation | None, int], Scene]
"""Makes the scene for a generation at a moment: roles and barred principals are as of the call."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a cluster is kept. `exclusive`: it is this ecosystem's alone. `users`: its users are ours to make."""

    exclusive: bool
    users: bool


class AccessKeeper:
    """Users and rules of one cluster. Every step may be repeated; each looks first and changes what differs."""

    def __init__(self, cluster: Cluster, scene_of: SceneOf, passwords: Passwords, terms: Terms) -> None:
        self._cluster = cluster
        self._scene_of = scene_of
        self._passwords = passwords
        self._terms = terms
        self._made: AccessAdmin | None = None
        self._last: tuple[Generation | None, int, Scene] | None = None

    @property
    def makes_users(self) -> bool:
        return self._terms.users

    def drift(self, generation: Generation | None, at_ms: int) -> Drift:
        """Return how far Kafka is from what `generation` wants."""
        scene = self._scene(generation, at_ms)
        users = self._admin().users() - self._unusable(scene)
        found = drift(scene, self._admin().rules(), users, exclusive=self._terms.exclusive)
        if self._terms.users:
            return found
        return Drift(found.missing, found.surplus, frozenset(), frozenset())

    def grant(self, generation: Generation | None, at_ms: int) -> Drift:
        """Give what `generation` wants and is missing; take nothing away. Call it before the generation is written."""
        found = self.drift(generation, at_ms)
        self._grant(found)
        return found

    def over(self, current: Generation | None, new: Generation, at_ms: int) -> frozenset[Rule]:
        """Return the rules that end when `new` follows `current`; Kafka is not asked for them."""
        scene = self._scene(new, at_ms)
        return wanted_rules(replace(scene, generation=current)) - wanted_rules(scene)

    def take(self, rules: Iterable[Rule]) -> None:
        """Take `rules` with one request, before any look at what is there: law 7 gives a second."""
        self._admin().drop(rules)

    def reconcile(self, generation: Generation | None, at_ms: int) -> Drift:
        """Give what is missing, take what is surplus; return what that was."""
        found = self.drift(generation, at_ms)
        self._admin().drop(found.surplus)  # first: it is what must not wait
        self._grant(found)
        self._admin().drop_users(found.surplus_users)
        for user in found.surplus_users:
            self._passwords.forget(user)
        return found

    def settle(self, generation: Generation | None, newest: Callable[[], Generation | None], at_ms: int) -> Drift:
        """Reconcile with `generation`, and again while `newest` says that another came meanwhile; return the first.

        Else we could give back what that one was written to take.
        """
        found = self.reconcile(generation, at_ms)
        for _ in range(_TRIES):
            newer = newest()
            if newer is None or (generation is not None and newer.number == generation.number):
                break
            generation = newer
            self.reconcile(generation, at_ms)
        return found

    def set_password(self, user: str, password: str) -> None:
        """Let `user` in with `password` and no other."""
        self._admin().set_password(user, password)

    def users(self) -> frozenset[str]:
        """Return who can log in."""
        return self._admin().users()

    def _scene(self, generation: Generation | None, at_ms: int) -> Scene:
        """Return the scene, the last one again: between a generation and what it takes no documents are read."""
        if self._last is None or self._last[0] is not generation or self._last[1] != at_ms:
            self._last = generation, at_ms, self._scene_of(generation, at_ms)
        return self._last[2]

    def _grant(self, found: Drift) -> None:
        with self._passwords.alone():
            for user in sorted(found.missing_users):
                password = self._passwords.of(user) or new_password()
                self._admin().set_password(user, password)
                self._passwords.keep(user, password)
        self._admin().add(found.missing)

    def _unusable(self, scene: Scene) -> frozenset[str]:
        """Return role users whose password lies nowhere; on a cluster that others run, somebody else may keep it."""
        if not self._terms.exclusive:
            return frozenset()
        return frozenset(role for role in wanted_roles(scene) if self._passwords.of(role) is None)

    def _admin(self) -> AccessAdmin:
        if self._made is None:
            self._made = AccessAdmin(self._cluster)
        return self._made
