"""The MQTT source: messages acknowledged after their Kafka commit."""
