"""Operations on what a role depends on: the key store, the registry, the KMS."""

import math
from collections.abc import Callable, Iterable

from .families import Families
from .words import KMS_OPERATIONS, STORE_OPERATIONS


class Operations:
    """Counts operations on one thing; an `OperationObserver`."""

    def __init__(self, families: Families, of: str, about: str, known: Iterable[str], *, timed: bool = True) -> None:
        name = f"penstock_{of}_operation"
        self._done = families.counter(f"{name}s_total", f"{about} by how they ended.", "operation", "outcome")
        self._seconds = (
            families.histogram(f"{name}_seconds", f"How long {about[0].lower()}{about[1:]} took.", "operation")
            if timed
            else None
        )
        for operation in known:
            for outcome in ("ok", "error", "unavailable"):
                self._done[operation, outcome].inc(0)

    def done(self, operation: str, outcome: str, seconds: float) -> None:
        self._done[operation, outcome].inc()
        if self._seconds is not None:
            self._seconds[operation,].observe(seconds)


class Dependencies:
    """What a role that protects or opens fields depends on, and whether each is well."""

    def __init__(self, families: Families) -> None:
        self.store = Operations(families, "store", "Operations on the key store", STORE_OPERATIONS)
        self.kms = Operations(families, "kms", "Operations on the KMS", KMS_OPERATIONS, timed=False)
        self.store_healthy = families.single("penstock_store_healthy", "1 while the key store can be read.")
        self.kms_healthy = families.single("penstock_kms_healthy", "1 while the KMS says that it is well.")
        self.data_key_version = families.single(
            "penstock_data_key_version", "The version of the data keys that events are protected under."
        )
        self.store_keys_age = families.single(
            "penstock_store_keys_age_seconds", "How long ago a KMS opened the store keys in memory."
        )
        for gauge in (self.store_healthy, self.kms_healthy, self.data_key_version, self.store_keys_age):
            gauge.set(math.nan)  # nobody asked yet: neither well nor not

    def watch_keys(self, facts: Callable[[], tuple[int, float]]) -> None:
        """Show what `facts` says of the keys in use: their version and their age in seconds."""
        self.data_key_version.set_function(lambda: float(facts()[0]))
        self.store_keys_age.set_function(lambda: facts()[1])
