"""A provider of resources in Python, on the protocol that the engine speaks with its plugins."""
