"""Writing to stdout and stderr, at once and whole."""

import os

STDOUT, STDERR = 1, 2


def write(descriptor: int, data: bytes) -> None:
    """All of `data`. Raises BrokenPipeError when nobody reads any more."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            # The terminal is shared with a program that made it non-blocking: wait until it takes more.
            import select

            select.select([], [descriptor], [])


def out(text: str) -> None:
    write(STDOUT, text.encode("utf-8", "surrogateescape"))


def err(text: str) -> None:
    write(STDERR, text.encode("utf-8", "surrogateescape"))
