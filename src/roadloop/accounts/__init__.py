"""People and programs: who they are, what they may do, and which packages were given to whom."""
