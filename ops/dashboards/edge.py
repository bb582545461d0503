"""The row of the edge: what sensors and providers' systems meet."""

from .panel import Panel, Query, Row, Threshold
from .promql import moving, one, or_zero, quantile, rate, worst

EDGE = Row(
    "Edge",
    (
        Panel(
            "Published by source",
            "areas",
            "records/s",
            one(rate("penstock_published_total", "source"), "{{source}}"),
            "Records that each source put on its provider topic.",
        ),
        Panel(
            "HTTP requests",
            "areas",
            "requests/s",
            one(moving(rate("penstock_http_requests_total", "status"), "status"), "{{status}}"),
            "Answers by status: 202 was committed, 401 and 403 are credentials, 429 asks for patience.",
        ),
        Panel(
            "HTTP time to receipt",
            "lines",
            "seconds",
            (
                Query(or_zero(quantile(0.5, "penstock_http_request_seconds")), "median"),
                Query(or_zero(quantile(0.99, "penstock_http_request_seconds", "source"), "source"), "p99 {{source}}"),
            ),
            "From a request's head to its answer, which comes after Kafka's commit.",
        ),
        Panel(
            "Waiting to be committed",
            "lines",
            "count",
            one(or_zero(worst("penstock_source_queue_records", "source"), "source"), "{{source}}"),
            "Records taken in and not yet committed. A full queue answers 429.",
        ),
        Panel(
            "MQTT messages",
            "areas",
            "messages/s",
            one(moving(rate("penstock_mqtt_messages_total", "source, outcome"), "source"), "{{source}} {{outcome}}"),
            "Messages by what became of them; `unmapped` belongs to no dataset here.",
        ),
        Panel(
            "Silence of sources",
            "lines",
            "seconds",
            one(worst("penstock_source_silence_seconds", "source"), "{{source}}"),
            "Since each source's last record. Only a source that promised a rhythm raises an alert.",
        ),
        Panel(
            "Turned away",
            "areas",
            "requests/s",
            one(moving(rate("penstock_access_refused_total", "door, reason"), "door"), "{{door}} {{reason}}"),
            "Who asked at Kafka, the key desk, the registry or the ingest and was refused.",
            width=12,
        ),
        Panel(
            "MQTT connected",
            "lines",
            "count",
            one(or_zero("min by (source) " + '(penstock_mqtt_connected{ecosystem=~"$ecosystem"})'), "{{source}}"),
            "1 while a source's connection to its MQTT broker stands.",
            width=12,
            thresholds=(Threshold(1, "good"),),
        ),
    ),
)
