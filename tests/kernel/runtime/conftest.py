"""Real containers by the real OCI runtimes, from a busybox root, without engine, images or networks."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.engine import wait_until
from wharf.linux import cgroups
from wharf.linux.mounts import RootMount
from wharf.runtime import records
from wharf.runtime.bundle import BundleSpec
from wharf.runtime.config_json import config_json
from wharf.runtime.contract import ExitStatus, Launch, Log, LogFile
from wharf.runtime.monitor import ShimMonitor, ShimMonitors

COMMANDS = (
    "sh true cat echo sleep yes head id ls mount ip stty tty sha256sum kill dd touch tail grep unshare printf env"
)


class Box:
    """A place for containers and what they leave; made anew for each test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cgroup = f"/wharf-test-{os.getpid()}"
        self.lower = path / "lower"
        self.count = 0
        (self.lower / "bin").mkdir(parents=True)
        for name in ("proc", "sys", "dev", "etc", "tmp"):
            (self.lower / name).mkdir()
        shutil.copy("/bin/busybox", self.lower / "bin/busybox")
        for name in COMMANDS.split():
            (self.lower / "bin" / name).symlink_to("busybox")

    def launch(self, *args: str, runtime: str = "crun", spec: dict[str, Any] | None = None, **changes: Any) -> Launch:
        """A launch of `args`. `spec` changes the BundleSpec, `changes` the Launch."""
        self.count += 1
        id = f"box{self.count}"
        bundle, own = self.path / "run" / id, self.path / "data" / id
        for directory in (bundle, own / "upper", own / "work"):
            directory.mkdir(parents=True)
        path = f"{self.cgroup}/{id}"
        tty = bool(changes.get("tty", False))
        config = BundleSpec(
            args=args, hostname="box", tty=tty, console_size=changes.get("console_size", (0, 0)), cgroups_path=path
        )
        root = RootMount("overlay", "overlay", "lowerdir=../../lower,upperdir=upper,workdir=work", own)
        bundle.joinpath(records.CONFIG).write_bytes(config_json(replace(config, **(spec or {}))))
        launch = Launch(
            id=id,
            bundle=bundle,
            root=root,
            runtime=runtime,
            log=Log(LogFile(own / "log.json")),
            cgroups_path=path,
        )
        return replace(launch, **changes)

    def assert_clean(self, *launches: Launch) -> None:
        """No mount, cgroup or process of these containers is left."""
        mounts = Path("/proc/self/mountinfo").read_text()
        assert str(self.path) not in mounts
        for launch in launches:
            assert cgroups.directories(launch.cgroups_path) == []
        self.wait_for_shims()

    def wait_for_shims(self) -> None:
        """They tell of a container's end a moment before their own, and end themselves when nobody wants a start."""
        wait_until(lambda: self.processes() == [], "all shims have ended")

    def processes(self) -> list[str]:
        """Processes, other than zombies, that live in this box: shims and containers."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    where = str((entry / "cwd").readlink())
                except OSError:
                    continue
                if where.startswith(str(self.path)):
                    found.append(f"{entry.name} {where}")
        return found

    def clean(self) -> None:
        for text in self.processes():
            with suppress(ProcessLookupError):
                os.kill(int(text.split()[0]), 9)
        cgroups.kill(self.cgroup)
        cgroups.remove(self.cgroup)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    try:
        yield made
    finally:
        made.clean()


async def attached(monitor: ShimMonitor, **wants: bool) -> "asyncio.Task[bytes]":
    """All that an attachment gives until its end. The shim has taken it: nothing that comes from now on is missed."""
    stream = await monitor.attach(**({"stdin": False, "stdout": True, "stderr": True} | wants))

    async def whole() -> bytes:
        return b"".join([data async for data in _pieces(stream.read)])

    return asyncio.create_task(whole())


async def _pieces(read: Callable[[], Awaitable[bytes]]) -> Any:
    while data := await read():
        yield data


@pytest.fixture
def run_container(box: Box) -> Callable[..., tuple[ExitStatus, bytes]]:
    """Runs a container to its end: how it ended and what it printed, as an attached client gets it."""

    def run(*args: str, **changes: Any) -> tuple[ExitStatus, bytes]:
        async def whole() -> tuple[ExitStatus, bytes]:
            monitors = ShimMonitors()
            try:
                launch = box.launch(*args, **changes)
                monitor = await monitors.create(launch)
                output = await attached(monitor)
                await monitor.run()
                status = await monitor.wait()
                data = await output
                monitor.close()
                await monitors.remove(launch.bundle)
                box.assert_clean(launch)
                return status, data
            finally:
                await monitors.close()

        return asyncio.run(asyncio.wait_for(whole(), 60))

    return run
