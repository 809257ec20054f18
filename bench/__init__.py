"""Measurements on real parts, each a ratio within one run."""
