"""`python -m roadloop`, and the command `roadloop`."""

import gc

gc.disable()  # while the program is loaded, a sixth of whose time this would take

from roadloop.cli.main import main  # noqa: E402


def run() -> None:
    """Run the command line; what was loaded stays, and is not looked through."""
    gc.freeze()
    gc.enable()
    main()


if __name__ == "__main__":
    run()
