"""What happened in a run, append-only: events as lines, records as columns."""
