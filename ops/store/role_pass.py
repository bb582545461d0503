"""How Penstock's own roles and commands prove to the gateway that they are: by a secret that only the store has.

A pass is made for each request and ends soon; it is written nowhere, and no member's token is ever one.
"""

import hashlib
import hmac
from collections.abc import Callable

PREFIX = "psi_"
GOOD_S = 300
AHEAD_S = 300


class RolePass:
    """Makes passes and knows them again. `secret` is asked each time, so that a key store may forget it meanwhile.

    Whoever can open the key store can make one. Clocks of two machines may differ by AHEAD_S.
    """

    def __init__(self, secret: Callable[[], bytes], now_ms: Callable[[], int]) -> None:
        self._secret = secret
        self._now_ms = now_ms

    def make(self) -> str:
        """Return a pass that is good for GOOD_S."""
        until = self._now_ms() // 1_000 + GOOD_S
        return f"{PREFIX}{until}_{self._seal(str(until))}"

    def fits(self, word: str) -> bool:
        """Say whether `word` is a pass that is still good. Raises what opening the key store raises."""
        until, _, seal = word.removeprefix(PREFIX).partition("_")
        if not word.startswith(PREFIX) or not (until.isascii() and until.isdigit()) or len(until) > 12:
            return False
        left = int(until) - self._now_ms() // 1_000
        return 0 < left <= GOOD_S + AHEAD_S and hmac.compare_digest(seal.encode(), self._seal(until).encode())

    def _seal(self, until: str) -> str:
        return hashlib.blake2b(until.encode(), key=self._secret(), digest_size=24, person=b"penstock role").hexdigest()
