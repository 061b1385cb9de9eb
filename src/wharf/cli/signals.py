"""Signals to us that are meant for the container."""

# CPython's own C module: `signal` wraps it in enums, which cost 4 ms.
try:
    import _signal as signals  # type: ignore[import-not-found]
except ImportError:
    import signal as signals

from wharf.client import containers
from wharf.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wharf.client.client import Client

FORWARDED = (
    "HUP",
    "INT",
    "QUIT",
    "USR1",
    "USR2",
    "ALRM",
    "TERM",
    "CONT",
    "IO",
    "PWR",
    "VTALRM",
    "PROF",
    "XCPU",
    "XFSZ",
)


def forward_signals(client: "Client", id: str) -> None:
    """From now on, hand signals to the container instead of obeying them."""

    # A connection of its own: the handler runs in the middle of whatever the other one does.
    own = client.another()

    def handler(name: str) -> None:
        try:
            containers.kill(own, id, name)
        except EngineError:
            pass  # it has just ended, or does not run yet: nobody is there to be told

    for name in FORWARDED:
        number = getattr(signals, f"SIG{name}", None)
        if number is not None:
            signals.signal(number, lambda *_, name=name: handler(name))


def follow_size(client: "Client", id: str, path: str = "containers") -> None:
    """Give the container's terminal the size of ours, now and whenever ours changes."""
    from wharf.cli.terminal import size_of

    own = client.another()

    def resize(*_: object) -> None:
        size = size_of(1) or size_of(0)
        if size is None or 0 in size:
            return
        try:
            own.post(f"/{path}/{id}/resize", {"h": size[0], "w": size[1]})
        except EngineError:
            pass  # it has ended, or is not there yet

    resize()
    signals.signal(signals.SIGWINCH, resize)
