"""Readers of other tools' folders, one module each."""
