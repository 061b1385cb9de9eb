"""The kinds of fault. A class says what kind it is (faces map it to HTTP or exit codes); the text is for the user."""

# Imports nothing: whoever starts `wharf` waits for it.


class EngineError(Exception):
    """A failure we can explain to the user. Used itself when the fault is the machine's (API: 500)."""


class InvalidArgument(EngineError):
    """The request itself is wrong; sending it again cannot help (API: 400)."""


class Unauthenticated(EngineError):
    """Who asks is not known, or gave a wrong secret (API: 401)."""


class PermissionDenied(EngineError):
    """Who asks is known and may not do this (API: 403)."""


class NotFound(EngineError):
    """The named thing does not exist (API: 404)."""


class Conflict(EngineError):
    """The request is sound, but not in the present state; wait or change the state (API: 409)."""


class TooLarge(EngineError):
    """The request is larger than we accept (API: 413)."""


class NotImplementedByUs(EngineError):
    """A real operation or option that this engine does not offer yet (API: 501)."""


class Unavailable(EngineError):
    """Something this needs is not there at the moment: a registry, a plugin, a program (API: 503)."""


class told_as:  # by hand: contextlib and what it loads would be a fifth of `wharf ps`
    """Puts `what: ` before the text of a fault in the block; its kind stays."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, EngineError):
            error.args = (f"{self._what}: {error}",)


class NoSuchContainer(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"No such container: {name}")
        self.name = name


class NoSuchImage(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"No such image: {name}")
        self.name = name
