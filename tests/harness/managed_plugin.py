"""The sample volume plugin as a managed plugin: the directory that `docker plugin create` takes, and what runs."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.wharfd import Wharfd

MAKER = Path(__file__).parents[2] / "examples/volume-plugin/make_managed.py"


#: Mounts a tmpfs with a file `page` as the process would whose number is given.
_MOUNTER = """\
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
namespace = os.open(f"/proc/{sys.argv[1]}/ns/mnt", os.O_RDONLY)
if libc.setns(namespace, 0) or libc.mount(b"none", sys.argv[2].encode(), b"tmpfs", 0, None):
    sys.exit(os.strerror(ctypes.get_errno()))
open(f"{sys.argv[2]}/page", "w").write("mounted")
"""


def make_plugin(directory: Path, **config: Any) -> Path:
    """The directory, filled; `config` replaces members of its configuration."""
    subprocess.run([sys.executable, MAKER, directory], check=True)
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **config}))
    return directory


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition("PPid:")[2].split()[0])


class ManagedPlugin:
    """A plugin of an engine, by name."""

    def __init__(self, engine: Wharfd, name: str) -> None:
        self.engine = engine
        self.name = name
        self.id = engine.docker("plugin", "inspect", "-f", "{{.Id}}", name).text

    def pids(self) -> list[int]:
        """Its processes, its first one first; none while it does not run."""
        groups = (group for group in self.engine.cgroups() if self.id in str(group))  # crun makes one more in systemd's
        found: set[int] = set()
        for group in groups:
            with suppress(OSError):  # the group is going
                found.update(map(int, (group / "cgroup.procs").read_text().split()))
        return sorted(found)

    @property
    def pid(self) -> int:
        (pid, *_) = self.pids()
        return pid

    def has_another_than(self, pid: int) -> bool:
        """Whether it runs again since its process `pid` has ended."""
        return bool(set(self.pids()) - {pid})

    def shim(self) -> int:
        return parent_of(self.pid)

    def mount(self, path: str) -> None:
        """A tmpfs with a file `page`, as if the plugin had mounted it at a path of its own."""
        subprocess.run([sys.executable, "-c", _MOUNTER, str(self.pid), path], check=True)

    @property
    def directory(self) -> Path:
        return self.engine.root / "data/plugins" / self.id

    @property
    def sockets(self) -> Path:
        return self.engine.root / "exec/plugins" / self.id

    def leftovers(self) -> list[str]:
        """What is of it in the kernel, and on the disk that need not survive a reboot."""
        places = [self.sockets, self.engine.root / "exec/plugins/bundles" / self.id]
        mounts = [line for line in self.engine.mounts() if self.id in line]
        groups = [str(group) for group in self.engine.cgroups() if self.id in group.name]
        return [*mounts, *groups, *(str(place) for place in places if place.exists()), *map(str, self.pids())]


NewPlugin = Callable[..., ManagedPlugin]
"""Makes a plugin of this name (or "shelf"); more arguments replace members of its configuration."""
