"""Who may do what on Kafka: users and rules made from what is in force, credentials, and their end."""
