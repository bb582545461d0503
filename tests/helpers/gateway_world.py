"""A gateway with three members and everything that one of them could want of another."""

import json
import threading
import time
from dataclasses import replace

from generations import generation_of

from penstock.connectors.http.rate import Rate
from penstock.ops.gateway.doors import Doors
from penstock.ops.gateway.entitled import Entitled
from penstock.ops.gateway.hand_out import HandingOut
from penstock.ops.gateway.keys_api import KeyDesk, Where
from penstock.ops.gateway.registry import registry_routes
from penstock.ops.gateway.registry_door import RegistryDoor
from penstock.ops.gateway.registry_requests import register
from penstock.ops.gateway.registry_state import RegistryState
from penstock.ops.store import tokens as token_module
from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.hand_outs import HandOutStore
from penstock.ops.store.role_pass import RolePass
from penstock.ops.store.tokens import TokenStore
from penstock.schemas.charter import Member

MEMBERS = ("ee", "fi", "se")
HANDLE = "0102030405060708"
YEAR = ("2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z")
PAST = ("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z")

# agreement: provider, recipient, dataset, status, validity
AGREEMENTS = {
    "ee-fi": ("ee", "fi", "income", "in_force", YEAR),
    "ee-se": ("ee", "se", "income", "in_force", YEAR),
    "fi-ee": ("fi", "ee", "tax", "in_force", YEAR),
    "ee-fi-paused": ("ee", "fi", "income", "suspended", YEAR),
    "ee-fi-over": ("ee", "fi", "income", "terminated", YEAR),
    "ee-fi-past": ("ee", "fi", "income", "in_force", PAST),
}
LASTING = {key: one for key, one in AGREEMENTS.items() if one[3] == "in_force" and one[4] == YEAR}


class MemoryRegistry:
    """A registry whose topic is a list."""

    def __init__(self):
        self.state = RegistryState()
        self.lock = threading.Lock()
        self.reads_to_end = 0

    def read(self, ask):
        with self.lock:
            try:
                return ask(self.state)
            except Exception:
                self.reads_to_end += 1
                raise

    def write(self, decide):
        with self.lock:
            answer, records = decide(self.state)
            self.state.apply(records)
            return answer

    def add(self, subject):
        schema = json.dumps({"type": "record", "name": "R" + str(self.state.highest_id), "fields": []})
        return self.write(lambda state: register(state, subject, schema, {}))


class Keys:
    """A key desk's keys: one for each agreement under the same handle."""

    def open_keys(self, agreement, handles):
        return {handle: agreement.encode().ljust(32, b".") for handle in handles}


class Heard:
    """Everybody who was turned away, and every message with keys."""

    def __init__(self):
        self.refusals = []
        self.messages = []

    def handed_out(self, agreement, recipient, keys):
        self.messages.append((agreement, recipient, keys))

    def refused(self, door, principal, reason):
        self.refusals.append((door, principal, reason))

    def taken(self):
        taken, self.refusals = self.refusals, []
        return taken


class World:
    """The parts of a gateway over a store in `folder`."""

    def __init__(self, folder):
        self.engine = open_sqlite(folder / "store.db")
        self.tokens = TokenStore(self.engine)
        self.now_ms = time.time_ns() // 1_000_000
        self.passes = RolePass(lambda: b"s" * 32, lambda: self.now_ms)
        self.generation = world_generation()
        self.control_age_s = 0.0
        self.entitled = Entitled(lambda: self.generation, age_s=lambda: self.control_age_s)
        self.heard = Heard()
        self.keys = Keys()
        self.hand_outs = HandOutStore(self.engine)
        self.wall_ms = lambda: time.time_ns() // 1_000_000
        self.rate = Rate(0)
        self.doors = Doors(self.tokens, self.passes, self.entitled, self.heard)
        self.registry = MemoryRegistry()
        self.ids = {}
        for topic in (
            *(f"view.{key}" for key in AGREEMENTS),
            "ee.income.v1",
            "ee.income.v2",
            "fi.tax.v1",
            "somebody.elses.v1",
        ):
            self.ids[f"{topic}-value"] = self.registry.add(f"{topic}-value")
        self.own = {member: self.entitled.subjects(member) for member in MEMBERS}

    def key_desk(self):
        handing_out = HandingOut(self.keys, self.hand_outs, self.heard, self._now_ms)
        return KeyDesk(self.doors, handing_out, self.entitled, Where("127.0.0.1:9092"), self.rate).routes()

    def _now_ms(self):
        return self.wall_ms()

    def guarded(self):
        return [
            *self.key_desk(),
            *registry_routes(self.registry, RegistryDoor(self.registry, self.doors, self.entitled)),
        ]

    def unguarded(self):
        """A gateway whose registry has no door: the fault that the tests must see."""
        return [*self.key_desk(), *registry_routes(self.registry)]

    def name_keys(self, member, *keys):
        """Let the charter name these sealing keys of a member, and none that goes unsealed."""
        charter = self.generation.charter
        changed = {"sealing_keys": keys, "unsealed_keys": None}
        members = [one.model_copy(update=changed) if one.id == member else one for one in charter.members]
        charter = charter.model_copy(update={"members": tuple(members)})
        self.generation = replace(self.generation, charter=charter)

    def set_status(self, agreement, status):
        agreements = self.generation.agreements
        held = agreements[agreement].with_status(status)
        self.generation = replace(self.generation, agreements={**agreements, agreement: held})

    def expired(self, member):
        now = token_module.now_ms
        token_module.now_ms = lambda: now() - 100 * 86_400_000
        try:
            return self.tokens.issue(member)
        finally:
            token_module.now_ms = now

    def revoked(self, member):
        token = self.tokens.issue(member)
        assert self.tokens.revoke(token)
        return token


def world_generation():
    contracts, agreements = {}, {}
    for key, (provider, recipient, dataset, status, (since, until)) in AGREEMENTS.items():
        made = generation_of(
            dataset=dataset,
            agreement=key,
            status=status,
            provider=provider,
            recipient=recipient,
            valid={"from": since, "until": until},
        )
        held = made.contracts[dataset]
        version = "2.0.0" if dataset == "income" else "1.0.0"
        contracts[dataset] = replace(held, contract=replace(held.contract, provider=provider, version=version))
        agreements[key] = made.agreements[key]
    members = tuple(
        Member(id=one, name=one, country="EE", roles=("recipient",), unsealed_keys="a test") for one in MEMBERS
    )
    return replace(
        made,
        charter=made.charter.model_copy(update={"members": members}),
        contracts=contracts,
        agreements=agreements,
    )
