"""`wharf volume …` against a server with real volumes."""

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from wharf.api.engine_port import Engine
from wharf.api.server import ApiServer
from wharf.db.database import Database
from wharf.engine.volumes import Volumes
from wharf.events.bus import Bus

Wharf = Callable[..., Awaitable[tuple[int, str, str]]]
Run = Callable[[Callable[[Wharf, Volumes], Awaitable[None]]], None]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a test with a way to call `wharf volume`: exit code, output, errors."""
    address = str(tmp_path / "socket")

    async def wharf(*words: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wharf.cli.main", "volume", *words),
            env={**os.environ, "DOCKER_HOST": f"unix://{address}"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), errors.decode()

    async def serve(test: Callable[[Wharf, Volumes], Awaitable[None]]) -> None:
        volumes = Volumes(Database(tmp_path / "db"), tmp_path / "volumes", Bus())
        api = ApiServer(cast(Engine, SimpleNamespace(volumes=volumes)))
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(address)
        await api.serve(listening)
        try:
            await test(wharf, volumes)
        finally:
            await api.close()

    return lambda test: asyncio.run(serve(test))


def test_a_life(run: Run) -> None:
    async def test(wharf: Wharf, volumes: Volumes) -> None:
        assert await wharf("create", "two", "--label", "a=b", "--label", "c") == (0, "two\n", "")
        assert volumes.get("two").labels == {"a": "b", "c": ""}
        code, name, _ = await wharf("create")
        assert code == 0 and len(name.strip()) == 64
        await volumes.remove(name.strip())
        assert await wharf("create", "--name", "one") == (0, "one\n", "")
        table = "DRIVER    VOLUME NAME\nlocal     one\nlocal     two\n"
        assert await wharf("ls") == (0, table, "")
        assert await wharf("list", "-q", "--filter", "name=w") == (0, "two\n", "")
        template = '{{.Name}} {{.Scope}} {{.Links}} {{.Labels}} {{.Label "a"}}'
        assert await wharf("ls", "--format", template, "-f", "label=a") == (0, "two local N/A a=b,c= b\n", "")
        assert await wharf("inspect", "-f", "{{.Name}} {{.Driver}}", "two") == (0, "two local\n", "")
        assert await wharf("rm", "nope", "one") == (
            1,
            "one\n",
            "Error response from daemon: get nope: no such volume\n",
        )
        assert await wharf("rm", "--force", "nope") == (0, "nope\n", "")

    run(test)


def test_prune(run: Run) -> None:
    async def test(wharf: Wharf, volumes: Volumes) -> None:
        await volumes.create("named")
        anonymous = await volumes.create("")
        _, out, _ = await wharf("prune")  # nobody answers its question
        assert out.startswith("WARNING! This will remove anonymous local volumes not used by at least")
        assert len(await volumes.list({})) == 2
        reclaimed = "Total reclaimed space: 0B\n"
        assert await wharf("prune", "-f") == (0, f"Deleted Volumes:\n{anonymous.name}\n\n{reclaimed}", "")
        assert await wharf("prune", "-f") == (0, reclaimed, "")
        assert await wharf("prune", "-af") == (0, f"Deleted Volumes:\nnamed\n\n{reclaimed}", "")

    run(test)


def test_refused(run: Run) -> None:
    async def test(wharf: Wharf, volumes: Volumes) -> None:
        both = "conflicting options: cannot specify a volume-name through both --name and as a positional arg\n"
        assert await wharf("create", "--name", "one", "two") == (1, "", both)
        code, _, errors = await wharf("create", "one", "two")
        assert code == 1 and errors.startswith("wharf: 'wharf volume create' requires at most 1 argument\n")
        short = "volume name is too short, names should be at least two alphanumeric characters"
        assert await wharf("create", "x") == (1, "", f"Error response from daemon: create x: {short}\n")
        assert await wharf("inspect", "x") == (1, "[]\n", "Error response from daemon: get x: no such volume\n")
        await volumes.create("used")
        volumes.users = lambda name: ["c1"]
        message = "Error response from daemon: remove used: volume is in use - [c1]\n"
        assert await wharf("rm", "used") == (1, "", message)
        assert await wharf("import", "new", "/usr") == (1, "", "read /usr: is a directory\n")

    run(test)
