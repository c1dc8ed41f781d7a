"""Labelled pictures found by class, city, time and range, in an index of each source set (decision 0058)."""
