"""The embedded broker: real Apache Kafka, one KRaft node on loopback, one replica."""
