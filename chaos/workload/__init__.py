"""What writes and reads while the faults happen: one process each, told by lines of JSON."""
