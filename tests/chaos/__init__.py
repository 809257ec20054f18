"""The chaos suite."""
