"""Where a fault of ours is written down: nobody sees what a shim prints."""

import sys


def record(error: BaseException) -> None:
    """Appends the error with its traceback to the bundle's shim.log."""
    with open("shim.log", "a") as file:  # noqa: PTH123
        # Not by the module traceback: it brings a tokenizer and more, which is memory for every container.
        sys.stderr = file
        try:
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            sys.stderr = sys.__stderr__
