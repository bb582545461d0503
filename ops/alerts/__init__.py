"""Alerts: what wakes somebody, described once, written as Prometheus rules."""
