"""How a container sees its limits on this machine: the files of its control group, by controller."""

from pathlib import Path
from typing import Final

from harness.engine import Engine

ROOT: Final = Path("/sys/fs/cgroup")
#: Whether there is nothing but version 2; otherwise the controllers are those of version 1.
UNIFIED: Final = (ROOT / "cgroup.controllers").exists()


def here(version_1: str, version_2: str) -> str:
    """What holds on this machine."""
    return version_2 if UNIFIED else version_1


def inside(name: str) -> str:
    """The path in a container of a file of its group, given as "memory/memory.max" or "pids/pids.max"."""
    return f"{ROOT}/{name.partition('/')[2] if UNIFIED else name}"


def read_inside(engine: Engine, container: str, *names: str) -> list[str]:
    """The texts of files of the container's group, read by a process in it."""
    script = "for file; do cat $file || echo none; echo =; done"
    paths = [inside(name) for name in names]
    texts = engine.docker("exec", container, "sh", "-c", script, "sh", *paths).out.decode().split("=\n")
    return [text.strip() for text in texts[:-1]]


def block_device() -> tuple[str, str]:
    """The name of a disk of this machine (not of a part of one) and its numbers, as "8:0"."""
    for directory in sorted(Path("/sys/block").iterdir()):
        if (directory / "device").exists() and int((directory / "size").read_text()) > 0:
            return directory.name, (directory / "dev").read_text().strip()
    raise AssertionError("this machine has no disk")


def freeze(pid: int, frozen: bool) -> None:
    """Stops all of the process's group, or lets it go on, as an engine does: behind the back of any that runs."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if UNIFIED:
            Path(f"{ROOT}{path}/cgroup.freeze").write_text(str(int(frozen)))
        elif "freezer" in controllers.split(","):
            Path(f"{ROOT}/freezer{path}/freezer.state").write_text("FROZEN" if frozen else "THAWED")
