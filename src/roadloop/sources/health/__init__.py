"""Source-set health: duplicates, coverage, leaks across sets, label noise. Records and rules; `tasks` runs them."""
