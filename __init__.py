"""Penstock: governed event exchange between public bodies, on Apache Kafka.

Importing this package imports nothing else; the few names a recipient needs load on first use (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ops.recipient import View, open_view
    from .schemas.errors import PenstockError

__version__ = "0.1.0"

_HOMES = {
    "open_view": ".ops.recipient",
    "View": ".ops.recipient",
    "PenstockError": ".schemas.errors",
}

__all__ = ["PenstockError", "View", "__version__", "open_view"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        msg = f"module 'penstock' has no attribute '{name}'"
        raise AttributeError(msg)
    return getattr(import_module(home, __name__), name)
