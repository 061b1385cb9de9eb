"""Questions before things are removed."""

from wharf.cli.output import out


def agreed(question: str) -> bool:
    """Ask on the terminal. No is the answer when nobody answers."""
    import sys

    out(f"{question} [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
