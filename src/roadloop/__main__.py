"""`python -m roadloop`."""

from roadloop.cli.main import main

main()
