"""What the engine asks of the room that runs containers, and what it gets back.

The life of one run: `create` forks a shim (it owns stdio, the log and the exit record from now on) and makes the
network namespace; the engine configures that namespace and connects early attachments; `Monitor.run` mounts the root
file system, starts the OCI runtime and returns when the container's process runs; `Monitor.wait` returns its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from wharf.linux.listener import Listener, Redirection
from wharf.linux.mounts import RootMount
from wharf.spec.id_mapping import IdMapping


@dataclass(frozen=True, slots=True)
class LogFile:
    """The file to which the shim writes the container's output."""

    path: Path
    format: Literal["json", "chunks"] = "json"  # json-file's, or that of runtime/shim/chunks.py
    max_size: int = 0  # bytes a file may reach before it is rotated; 0 is no limit
    max_files: int = 1
    compress: bool = False
    attributes: dict[str, str] = field(default_factory=dict)  # written with each line as "attrs"


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM, "" for none: then the system's authorities are trusted, and no certificate is shown."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Retry:
    """How a receiver is looked for again. After `times` attempts in vain, what waits for it is lost; 0 is no limit."""

    wait: float = 1.0  # seconds between two attempts
    grows: bool = True  # by half each time, up to a minute
    times: int = 0


@dataclass(frozen=True, slots=True)
class LogReceiver:
    """Who else gets the container's output. It may be slow, or go away; the container goes on."""

    driver: Literal["syslog", "journald", "gelf", "fluentd"]
    network: Literal["tcp", "tls", "udp", "unix", "unixgram", "local"]  # "local" is this host's syslog daemon
    address: str  # host:port, or a path
    settings: Mapping[str, object]  # the encoder's, see runtime/shim/remote/<driver>.py
    tls: Tls = field(default_factory=Tls)
    lazy: bool = False  # connect when there is something to send; else a start fails without a receiver
    unreachable: str = "%(reason)s"  # how that is told
    retry: Retry = field(default_factory=Retry)
    room: int = 1 << 20  # bytes that may wait
    most: int = 0  # messages that may wait; 0 is no limit
    drops: bool = False  # lose what does not fit, rather than let the container wait for a slow receiver
    renew: float = 0.0  # seconds after which the receiver's name is looked up again; 0 is never
    stuck_limit: float = 0.0  # seconds after which a receiver that takes nothing counts as gone; 0 is the shim's own


@dataclass(frozen=True, slots=True)
class Log:
    """Where a container's output is kept and sent. Without file and receiver it only goes to who is attached."""

    file: LogFile | None = None
    receiver: LogReceiver | None = None
    buffer: int | None = None  # bytes that may wait where logging must not hold back the container; None: it may


@dataclass(frozen=True, slots=True)
class UserNamespace:
    """Who on the host a container's users are. Files on disk keep the ids that the container itself sees."""

    mapping: IdMapping
    join: str = ""  # the path of another container's namespace, which has this mapping; "" makes a new one
    mapped: tuple[str, ...] = ()  # paths that mounts come from, and whose ids the container sees as they are on disk


@dataclass(frozen=True, slots=True)
class Launch:
    """All a shim needs to run a container once."""

    id: str
    # A directory under the exec-root, made by the engine; the room keeps its files here. Before run() there has to be
    # config.json (records.CONFIG) in it: the shim prepares itself meanwhile. Its root.path is "rootfs", a directory in
    # `bundle` on which the shim mounts `root`.
    bundle: Path
    root: RootMount
    runtime: str  # program: a name to look for in PATH, or an absolute path
    log: Log
    tty: bool = False
    stdin: bool = False  # keep stdin open for attachments
    stdin_once: bool = False  # close it when the first attachment's stdin ends
    console_size: tuple[int, int] = (0, 0)  # height, width; (0, 0) leaves the kernel's default
    new_network: bool = True  # the shim makes a network namespace; config.json refers to it as /proc/self/ns/net
    network_sysctls: Mapping[str, str] = field(default_factory=dict)  # of that namespace, as paths below /proc/sys
    joined_shm: str = ""  # path of the mount namespace whose /dev/shm the shim mounts on the bundle's `shm`
    user: UserNamespace | None = None  # config.json refers to it as records.USER_NAMESPACE in `bundle`
    cgroups_path: str = ""  # as in config.json: "/parent/<id>", or "slice:prefix:<id>" for systemd to make
    # Descriptors of mounts that are nowhere yet; the caller's, open until the start is over. The shim puts them on
    # mounts/0, mounts/1 … in `bundle`, where only the runtime sees them.
    mounts: tuple[int, ...] = ()
    forget: tuple[str, ...] = ()  # mount points of the host that the shim must not keep busy once the container runs


@dataclass(frozen=True, slots=True)
class ExecLaunch:
    """A further process in a running container. Streams that are not attached are /dev/null."""

    id: str
    process: bytes  # process.json of the OCI runtime; its "terminal" is `tty`
    command: str  # argv[0], for errors
    tty: bool = False
    framed: bool = True  # its stream reads as frames of stdcopy, else as the bytes of all outputs as they come
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    console_size: tuple[int, int] = (0, 0)

    @property
    def attached(self) -> bool:
        return self.stdin or self.stdout or self.stderr


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a container ended: its exit code, or 128 + n for signal n; 255 when nobody saw it."""

    code: int
    finished: datetime  # UTC
    oom_killed: bool = False
    error: str = ""
    lost_log_bytes: int = 0  # of its output, that could be neither kept nor sent by then


class AttachStream(Protocol):
    """Both directions between one client and a container's stdio, through the shim.

    What is read is ready for the client: raw bytes with a TTY, else frames of stdcopy.
    """

    async def read(self) -> bytes:
        """The next bytes (up to 256 KiB), b"" at the end: the container ended, or its shim died."""

    async def write(self, data: bytes) -> None:
        """Bytes for the container's stdin; waits while the container does not read. Ignored after its end."""

    async def end_stdin(self) -> None:
        """The client will send no more."""

    def close(self) -> None:
        """Leaves the container alone and frees the stream."""


class ExecProcess(Protocol):
    """A further process in a container. It needs no close(): its end, or the container's, is the end of it."""

    id: str
    pid: int  # as the host sees it
    stream: AttachStream | None  # None when nothing is attached; the caller closes it

    async def wait(self) -> int:
        """Its exit code, or 128 + n for signal n; all its output is on the way by then."""

    async def resize(self, height: int, width: int) -> None:
        """Sets its terminal's size. Does nothing without one, and after its end."""

    async def signal(self, number: int) -> None:
        """Sends a signal. Does nothing after its end."""


class Monitor(Protocol):
    """A shim and its one container, from the daemon's side. Closing it leaves both alone."""

    id: str
    shim_pid: int
    pid: int  # the container's init as the host sees it; 0 before run()
    started: datetime | None  # UTC; None before run()
    cgroup: str  # its control group, below the root of each hierarchy; "" before run()
    network: int | None  # descriptor of the new network namespace, until run() has returned; None when none was made

    async def found(self) -> None:
        """For a monitor that was reopened: has its shim tell what becomes of the container, and waits for its answer.

        A shim that gives none is ended: see wait(). What else is asked of a monitor waits for this by itself.
        """

    async def attach(self, *, stdin: bool, stdout: bool, stderr: bool) -> AttachStream:
        """Connects to the stdio; allowed before run(), and then loses no byte of the output."""

    async def run(self, listeners: Sequence[Listener] = ()) -> None:
        """Starts the container's process.

        Raises EngineError with the OCI runtime's own reason. After a failure nothing is left but the bundle.
        """

    async def wait(self) -> ExitStatus:
        """Waits for the end. May be called by many and again afterwards."""

    @property
    def is_ending(self) -> bool:
        """Whether the container's process ends, or has: the kernel kills the others in its pid namespace first.

        wait() tells it later, when the shim has seen to the rest.
        """

    async def execute(self, launch: ExecLaunch) -> ExecProcess:
        """Starts a further process and returns when it runs.

        Raises RuntimeFailed with the OCI runtime's reason and the exit code that the exec gets.
        """

    async def signal(self, number: int) -> None:
        """Sends a signal to the container's init. Does nothing when it has ended."""

    async def resize(self, height: int, width: int) -> None:
        """Sets the terminal's size. Does nothing without a TTY."""

    async def hold(self, listeners: Sequence[Listener]) -> None:
        """Gives the shim these listeners instead of all that it has had, by run() or before; it has them on return.

        Raises EngineError. Does nothing when the container has ended.
        """

    async def redirect(self, redirections: Sequence[Redirection]) -> None:
        """Has the shim forward elsewhere what arrives at the listeners that it has; it does so on return.

        Connections that are open go where they went. Raises EngineError.
        """

    async def clear_log(self) -> bool:
        """Removes what the log's file and the rotated ones hold; False when the run is over, and they are nobody's.

        Raises EngineError when it fails.
        """

    async def pause(self) -> None:
        """Freezes all processes of the container."""

    async def resume(self) -> None:
        """Lets them go on."""

    async def processes(self) -> list[int]:
        """All host pids in the container's cgroup."""

    def close(self) -> None:
        """Forgets the container without touching it."""


class Monitors(Protocol):
    """Makes monitors, and finds those again that an earlier daemon made."""

    async def create(self, launch: Launch) -> Monitor:
        """Forks the shim. Raises Unavailable when `launch.runtime` cannot be found."""

    async def reopen(self, id: str, bundle: Path) -> Monitor | ExitStatus | None:
        """What became of a container: its monitor while it runs, its end if that was recorded, None if nobody knows.

        The monitor knows what the records say, so that this is quick; its end comes to be known after found().
        For None, whatever the kernel still has of it (processes, cgroup) has been removed.
        """

    async def remove(self, bundle: Path) -> None:
        """Removes a bundle whose container has ended, with all that the runtime keeps of it.

        Of a start that was cut off, whatever runs is killed.
        """

    async def close(self) -> None:
        """Ends the spawner. Containers and their shims live on."""
