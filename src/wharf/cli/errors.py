"""How a command ends when it does not end well. Exit codes are docker's."""

from wharf.errors import EngineError, InvalidArgument

FAILED = 1
USAGE = 125  # also: `run` could not start a container


class BadUsage(InvalidArgument):
    """The command line is wrong: the text is followed by the command's usage line."""


class BadCount(BadUsage):
    """Too few or too many arguments."""


class BadOptions(InvalidArgument):
    """Options of a container that cannot be: told as `run` tells all its errors, whatever the command."""


class Exit(EngineError):
    """Stop with this exit code; a text that is not empty goes to stderr as it is."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code
