"""`top`: the host's ps, cut down to a container's processes."""

import asyncio
import re
from collections.abc import Sequence
from typing import Final

from wharf.apitypes.containers import Top
from wharf.errors import EngineError, InvalidArgument

#: `-o comm=PID`: a column with a title of the user's choice.
_TITLED_PID: Final = re.compile(r"\s(\S+)=\s*(PID\S*)")


def cut(output: str, pids: Sequence[int]) -> Top:
    """The lines of ps's output that show one of `pids`. Raises EngineError when no column says PID."""
    lines = output.splitlines()
    titles = lines[0].split() if lines else []
    if "PID" not in titles:
        raise EngineError("Couldn't find PID field in ps output")
    column = titles.index("PID")
    wanted = {str(pid) for pid in pids}
    rows = []
    for line in lines[1:]:
        # The last column is a command line: it may have blanks of its own.
        words = line.split(maxsplit=len(titles) - 1)
        if len(words) > column and words[column] in wanted:
            rows.append(words)
    return Top(titles=titles, processes=rows)


def check(arguments: str) -> None:
    """Raises EngineError for a column that only calls itself PID: we choose the lines by that."""
    for name, title in _TITLED_PID.findall(f" {arguments}"):
        if name.lower() != "pid":
            raise EngineError(f'specifying "{name}={title}" is not allowed')


async def list_processes(pids: Sequence[int], arguments: str) -> Top:
    """Raises EngineError with ps's own words for arguments that it does not know."""
    check(arguments)
    try:
        process = await asyncio.create_subprocess_exec(
            "ps",
            *arguments.split(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        raise EngineError("the host has no ps program (package procps)") from None
    except ValueError:
        raise InvalidArgument("the arguments of ps hold a zero byte") from None
    output, complaint = await process.communicate()
    if process.returncode != 0:
        first = complaint.decode(errors="replace").strip().partition("\n")[0]
        raise EngineError(f"ps: {first or process.returncode}")
    return cut(output.decode(errors="replace"), pids)
