"""Everything that speaks Kafka: transactions, topics, control, exchange, reader."""
