"""What can go wrong between us and the daemon."""

from wharf.errors import EngineError, Unavailable


class CannotConnect(Unavailable):
    """Nobody answers at the address."""

    def __init__(self, address: str, cause: OSError) -> None:
        reason = ""
        if isinstance(cause, PermissionError):
            reason = (
                f"permission denied while trying to connect to the Wharf daemon socket at {address}: {cause.strerror}"
            )
        super().__init__(
            reason or f"Cannot connect to the Wharf daemon at {address}. Is the wharf daemon running?",
        )
        self.cause = cause


class LostConnection(Unavailable):
    """The connection ended in the middle of an answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"error during connect: {reason}")


class Refused(EngineError):
    """The daemon's answer is an error: its HTTP status, and its message as text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"Error response from daemon: {message}")
        self.status = status
        self.message = message
