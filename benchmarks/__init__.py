"""Benchmarks against plain scripts: both sides in turns in one run."""
