"""`wharf wait`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.output import err, out
from wharf.client import containers
from wharf.errors import EngineError


def run(call: Call) -> int:
    failed = 0
    for name in call.arguments:
        try:
            code, problem = containers.wait_result(containers.open_wait(call.client, name))
            if problem:
                raise EngineError(problem)
        except EngineError as error:
            err(f"{error}\n")
            failed = 1
        else:
            out(f"{code}\n")
    return failed


COMMAND = Command(
    run, "CONTAINER [CONTAINER...]", "Wait until containers stop, print their exit codes", least=1, most=MANY
)
