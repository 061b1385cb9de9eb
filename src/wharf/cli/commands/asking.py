"""Questions before things are removed."""

from wharf.cli.errors import Exit
from wharf.cli.output import out


def agreed(question: str) -> bool:
    """Ask on the terminal. No is the answer when nobody answers, and ends the command."""
    import sys

    out(f"{question} [y/N] ")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Exit(1, "")
    return True
