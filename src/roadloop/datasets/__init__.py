"""Datasets: built, frozen, split and packed versions of one or more source sets."""
