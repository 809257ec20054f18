"""A real three-zone Kafka on one machine: processes, links through toxiproxy, and their tools."""
