"""Commands that do the same with several containers, at the same time: one that is slow to end holds up no other."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.flags import INT, STRING, Flag
from wharf.cli.output import err, out
from wharf.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wharf.client.client import Client

    Act = Callable[[Client, str], object]

AT_ONCE = 50  # as docker


def at_once(client: "Client", names: "Sequence[str]", act: "Act") -> "Iterator[EngineError | None]":
    """What came of each, in the order of the names, as soon as it is known."""
    if len(names) < 2:
        yield from (_outcome(client, name, act) for name in names)
        return
    from concurrent.futures import ThreadPoolExecutor

    clients = [client.another() for _ in names]  # here, where the version is asked for once
    with ThreadPoolExecutor(min(len(names), AT_ONCE)) as pool:
        yield from pool.map(lambda own, name: _alone(own, name, act), clients, names)


def _alone(client: "Client", name: str, act: "Act") -> "EngineError | None":
    with client:
        return _outcome(client, name, act)


def _outcome(client: "Client", name: str, act: "Act") -> "EngineError | None":
    try:
        act(client, name)
    except EngineError as error:
        return error
    return None


def each(call: Call, act: "Act") -> int:
    """Prints the names of those that worked; errors are told and do not stop the others."""
    code = 0
    for name, error in zip(call.arguments, at_once(call.client, call.arguments, act), strict=True):
        if error is not None:
            err(f"{error}\n")
            code = 1
        else:
            out(f"{name}\n")
    return code


def ending(act: "Callable[..., object]", summary: str) -> Command:
    """`stop` and `restart`, which ask containers to end in the same way. `act` is the client's call."""

    def run(call: Call) -> int:
        options = call.options
        given = next((options[flag] for flag in ("time", "timeout") if flag in options.given), None)
        return each(call, lambda client, name: act(client, name, timeout=given, signal=options["signal"]))

    return Command(
        run,
        "[OPTIONS] CONTAINER [CONTAINER...]",
        summary,
        (
            Flag("signal", "s", STRING, "Signal that asks it to stop"),
            Flag("time", "", INT, "The old name of --timeout"),
            Flag("timeout", "t", INT, "Seconds to wait before it is killed"),
        ),
        least=1,
        most=MANY,
    )
