"""Tests on a real three-zone cluster."""
