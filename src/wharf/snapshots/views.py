"""Archives of a container's files as its processes see them, by a confined child for each operation."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import wharf
from wharf.errors import Conflict, EngineError, InvalidArgument, NotFound, PermissionDenied
from wharf.linux.mounts import RootMount

_SOURCES: Final = str(Path(wharf.__file__).parent.parent)
_PROGRAM: Final = "import sys; sys.path.insert(0, sys.argv.pop(1)); from wharf.snapshots.view_child import main; main()"
_PIECE: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Bind:
    source: str  # on the host
    target: str  # in the container
    read_only: bool = False
    recursive: bool = True
    mount: int | None = None  # a descriptor of the caller's: a mount that is nowhere yet, instead of `source`


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a container's processes see: the mount namespace of one, else a root and what would be mounted on it.

    Or a tree that is no container's.
    """

    tree: int | None = None  # a descriptor of the caller's: a mount that is nowhere yet
    namespace: int | None = None  # likewise
    user_namespace: int | None = None  # likewise: files have the owners that it sees
    root: RootMount | None = None
    target: Path = Path("/")  # any directory: `root` is mounted there where only the child sees it
    binds: Sequence[Bind] = ()
    read_only: bool = False  # the root; only for a view without a namespace
    bare: bool = False  # only the root file system, without what is mounted on it

    @property
    def descriptors(self) -> Sequence[int]:
        """What the child needs open."""
        found = (self.tree, self.namespace, self.user_namespace, *(bind.mount for bind in self.binds))
        return [descriptor for descriptor in found if descriptor is not None]


@dataclass(frozen=True, slots=True)
class FileStatus:
    """What stat tells of a path. `mode` is the kernel's; `link_target` is where a link leads in the end."""

    name: str
    size: int
    mode: int
    mtime: int  # nanoseconds since 1970
    link_target: str


class NothingThere(NotFound):
    """The path names nothing."""


class ReadOnly(PermissionDenied):
    """What is mounted there takes no changes."""


async def status(view: View, path: str) -> FileStatus:
    """Raises NothingThere, InvalidArgument, EngineError."""
    child = await _Child.start(view, "stat", path=path)
    try:
        found = await child.begun()
        await child.ended()
    finally:
        await child.close()
    return FileStatus(**found)


class Outgoing:
    """An archive that is being written. Iterate it to its end, or close it."""

    def __init__(self, child: "_Child", status: FileStatus | None) -> None:
        self._child = child
        self.status = status

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises EngineError when it could not be written to its end."""
        try:
            while data := await self._child.read():
                yield data
            await self._child.ended()
        finally:
            await self.close()

    async def close(self) -> None:
        await self._child.close()


async def packed(view: View, path: str, *, name: str = "") -> Outgoing:
    """What is at `path`, as a tar archive whose members are below `name`, else below its own.

    Raises NothingThere, InvalidArgument, EngineError.
    """
    child = await _Child.start(view, "pack", path=path, name=name)
    try:
        return Outgoing(child, FileStatus(**await child.begun()))
    except BaseException:
        await child.close()
        raise


async def exported(view: View) -> Outgoing:
    """The whole root. Raises EngineError."""
    child = await _Child.start(view, "export")
    try:
        await child.begun()
        return Outgoing(child, None)
    except BaseException:
        await child.close()
        raise


async def unpacked(
    view: View,
    path: str,
    stream: AsyncIterator[bytes],
    *,
    owner: tuple[int, int] | None = None,
    keep_kinds: bool = False,
    whole: bool = False,
    compression: str = "",
) -> None:
    """Unpacks a tar archive (plain, or compressed by one of plain_input.KINDS) into the directory at `path`.

    With `whole` also what the archive says of its top. Raises NothingThere, ReadOnly, InvalidArgument, EngineError;
    what was written until then stays.
    """
    more = {"owner": owner, "keep_kinds": keep_kinds, "compression": compression, "whole": whole}
    child = await _Child.start(view, "unpack", path=path, takes_input=True, **more)
    try:
        await child.begun()
        async for data in stream:
            if not await child.write(data):
                break  # it gave up; it says why
        child.end_input()
        await child.ended()
    finally:
        await child.close()


class _Child:
    """The process. It is ended by close(), whatever it does then."""

    def __init__(self, transport: asyncio.SubprocessTransport, process: asyncio.subprocess.Process) -> None:
        self._transport = transport
        self._process = process

    @classmethod
    async def start(
        cls,
        view: View,
        do: str,
        *,
        path: str = "",
        takes_input: bool = False,
        **more: object,
    ) -> "_Child":
        work = describe(view, do) | {"path": path, **more}
        pipe = asyncio.subprocess.PIPE
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(
            lambda: asyncio.subprocess.SubprocessStreamProtocol(limit=_PIECE, loop=loop),
            *command(work),
            stdin=pipe if takes_input else asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            pass_fds=view.descriptors,
        )
        return cls(transport, asyncio.subprocess.Process(transport, protocol, loop))

    async def _message(self) -> dict[str, Any]:
        assert self._process.stderr is not None
        line = await self._process.stderr.readline()
        return understand(line, self._process.returncode)

    async def begun(self) -> dict[str, Any]:
        """What the child tells when it begins. Raises the fault that it met."""
        return await self._message()

    async def ended(self) -> None:
        """Waits for the end of the work. Raises the fault that it met."""
        await self._message()

    async def read(self) -> bytes:
        assert self._process.stdout is not None
        return await self._process.stdout.read(_PIECE)

    async def write(self, data: bytes) -> bool:
        """False when the child takes no more."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def end_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def close(self) -> None:
        """Returns when the process has ended."""
        self._transport.close()
        await self._process.wait()


def describe(view: View, do: str) -> dict[str, Any]:
    """The part of a child's work that says where it looks."""
    root = view.root
    return {
        "do": do,
        "directory": "",
        "tree": view.tree,
        "namespace": view.namespace,
        "user_namespace": view.user_namespace,
        "bare": view.bare,
        "root": root
        and {"fstype": root.fstype, "source": root.source, "data": root.data, "directory": str(root.directory)},
        "target": str(view.target),
        "mounts": [(b.source, b.target, b.read_only, b.recursive, b.mount) for b in view.binds],
        "read_only": view.read_only,
        "left_out": [],
        "selected": False,
        "compression": "",
    }


def command(work: dict[str, Any]) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", _PROGRAM, _SOURCES, json.dumps(work)]


def understand(line: bytes, code: int | None = None) -> dict[str, Any]:
    """A message of the child's. Raises the fault that it tells."""
    if not line.startswith(b"{"):
        said = line.decode(errors="replace").strip()
        raise EngineError(f"the process that reads and writes archives ended early ({code}): {said}")
    found: dict[str, Any] = json.loads(line)
    if "kind" not in found:
        return found
    kind = _KINDS.get(found["kind"], EngineError)
    raise kind(found["error"])


_KINDS: Final[dict[str, type[EngineError]]] = {
    "missing": NothingThere,
    "read-only": ReadOnly,
    "not-directory": InvalidArgument,
    "refused": InvalidArgument,
    "damaged": InvalidArgument,
    "exists": Conflict,
}
