"""The row of what everything stands on: store, registry, KMS, disk, processes."""

from .panel import Panel, Query, Row, Threshold
from .promql import ANY, least, moving, one, quantile, rate, worst

GROUND = Row(
    "Ground",
    (
        Panel(
            "Key store operations",
            "areas",
            "operations/s",
            one(
                moving(rate("penstock_store_operations_total", "operation, outcome"), "operation"),
                "{{operation}} {{outcome}}",
            ),
            "What the key store was asked. Anything but `ok` holds records back.",
        ),
        Panel(
            "Key store time",
            "lines",
            "seconds",
            one(quantile(0.99, "penstock_store_operation_seconds", "operation"), "p99 {{operation}}"),
            "How long the store takes, the slowest hundredth.",
        ),
        Panel(
            "KMS and registry",
            "lines",
            "operations/s",
            (
                Query(
                    moving(rate("penstock_kms_operations_total", "operation, outcome"), "operation"),
                    "KMS {{operation}} {{outcome}}",
                ),
                Query(
                    moving(rate("penstock_registry_operations_total", "operation, outcome"), "operation"),
                    "registry {{operation}} {{outcome}}",
                ),
            ),
            "Both are asked seldom: store keys and schemas are kept in memory.",
        ),
        Panel(
            "Healthy: store and KMS",
            "lines",
            "count",
            (
                Query(least("penstock_store_healthy"), "key store"),
                Query(least("penstock_kms_healthy"), "KMS"),
            ),
            "1 while every role that checks finds them well.",
        ),
        Panel(
            "Free disk",
            "lines",
            "share",
            one(f"min by (place) (penstock_disk_free_bytes{{{ANY}}} / penstock_disk_size_bytes{{{ANY}}})", "{{place}}"),
            "The share of each place's disk that is free. Kafka ends when its disk is full.",
            colour="bad",
            thresholds=(Threshold(0.1, "watch"), Threshold(0.15, "good")),
        ),
        Panel(
            "Memory",
            "lines",
            "bytes",
            one(worst("process_resident_memory_bytes", "role"), "{{role}}"),
            "What each process holds in memory.",
        ),
        Panel(
            "Processor",
            "lines",
            "share",
            one(rate("process_cpu_seconds_total", "role"), "{{role}}"),
            "The share of one core that each process uses; an exchange slot can use one.",
            width=12,
        ),
        Panel(
            "Versions",
            "table",
            "count",
            one(f"count by (version) (penstock_build_info{{{ANY}}})", "roles"),
            "How many roles run which version of Penstock.",
            width=12,
        ),
    ),
)
