"""What runs inside a consumer fleet: handlers in parallel, order per key kept, nothing skipped."""
