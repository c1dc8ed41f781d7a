"""Engines: models converted for programs that run them, with how much each differs from what was trained."""
