"""`top`: the host's ps, cut down to a container's processes."""

import asyncio
import shlex
from collections.abc import Sequence

from wharf.apitypes.containers import Top
from wharf.errors import EngineError, InvalidArgument


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


async def list_processes(pids: Sequence[int], arguments: str) -> Top:
    """Raises InvalidArgument with ps's own words for arguments that it does not know."""
    try:
        words = shlex.split(arguments)
    except ValueError as error:
        raise InvalidArgument(f"ps arguments: {error}") from None
    if any(not word.isascii() for word in words):
        raise InvalidArgument(f"ps arguments: {arguments!r}")
    try:
        process = await asyncio.create_subprocess_exec(
            "ps",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        raise EngineError("the host has no ps program (package procps)") from None
    output, complaint = await process.communicate()
    if process.returncode != 0:
        raise InvalidArgument(f"Error running ps: {complaint.decode(errors='replace').strip() or process.returncode}")
    return cut(output.decode(errors="replace"), pids)
