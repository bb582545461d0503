"""Prometheus metrics of the roles: counted once a batch, labels only of ids and codes that the documents bound."""

from .exchange import ExchangeMetrics
from .gateway import GatewayMetrics
from .page import read_page
from .publisher import PublisherMetrics
from .role import Health, RoleMetrics

__all__ = ["ExchangeMetrics", "GatewayMetrics", "Health", "PublisherMetrics", "RoleMetrics", "read_page"]
