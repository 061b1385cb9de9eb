"""The user's terminal."""

import os
import termios

# Of the lists that termios gives: input, output, control, local flags, speeds, control characters.
INPUT, OUTPUT, CONTROL, LOCAL, CHARACTERS = 0, 1, 2, 3, 6


def size_of(descriptor: int) -> "tuple[int, int] | None":
    """Height and width, or None when it is no terminal."""
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        return None
    return size.lines, size.columns


class Raw:
    """While entered, what is typed goes through unchanged, control characters too."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> "Raw":
        self._before = termios.tcgetattr(self._descriptor)
        raw = termios.tcgetattr(self._descriptor)
        ignored = termios.BRKINT | termios.ICRNL | termios.IGNBRK | termios.IGNCR | termios.INLCR
        raw[INPUT] &= ~(ignored | termios.ISTRIP | termios.IXON | termios.PARMRK)
        raw[OUTPUT] &= ~termios.OPOST
        raw[CONTROL] = raw[CONTROL] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        raw[LOCAL] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN | termios.ISIG)
        raw[CHARACTERS] = list(raw[CHARACTERS])
        raw[CHARACTERS][termios.VMIN] = 1
        raw[CHARACTERS][termios.VTIME] = 0
        termios.tcsetattr(self._descriptor, termios.TCSANOW, raw)
        return self

    def __exit__(self, *_: object) -> None:
        termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)
