"""Dashboards: what three kinds of people look at, described once, written as Grafana's JSON and drawn as pictures."""
