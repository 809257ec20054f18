"""The pipeline's own files."""
