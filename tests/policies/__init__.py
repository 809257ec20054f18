"""The policies, without an engine."""
