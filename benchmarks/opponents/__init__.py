"""Plain scripts, as people write them in an afternoon; nothing here knows roadloop."""
