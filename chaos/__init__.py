"""Experiments on a three-zone cluster, judged record by record."""
