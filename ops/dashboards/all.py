"""All dashboards, in the order of who looks most often."""

from .agreements import AGREEMENTS
from .exchange import EXCHANGE
from .panel import Dashboard
from .privacy import PRIVACY

DASHBOARDS: tuple[Dashboard, ...] = (EXCHANGE, AGREEMENTS, PRIVACY)
