"""The parallel consumers that the fleet is measured against, had on demand and pinned by hash."""
