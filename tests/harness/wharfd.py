"""wharfd under test, and the proof that it left nothing behind."""

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.engine import Engine, Ran, wait_until

CGROUPS = Path("/sys/fs/cgroup")
#: Whether systemd is to make the control groups. The virtual machine of `make test-vm` says so where it is process 1.
SYSTEMD = os.environ.get("WHARF_TEST_CGROUP_DRIVER") == "systemd"
#: For a run of the tests with another storage driver than the default, for tests that choose none themselves.
STORAGE_DRIVER = os.environ.get("WHARF_TEST_STORAGE_DRIVER", "")


class Wharfd(Engine):
    """The real command, in the foreground, with roots, bridge, cgroup and network namespace of its own."""

    name = "wharfd"

    def __init__(self, *flags: str) -> None:
        super().__init__()
        # The name of a slice has no dash: with one it would be in another.
        self.cgroup = f"wharftest{secrets.token_hex(4)}.slice" if SYSTEMD else f"wharf-test-{secrets.token_hex(4)}"
        self.flags = list(flags)

    def command(self) -> list[str]:
        return [
            str(Path(sys.executable).parent / "wharfd"),
            *("--data-root", str(self.root / "data")),
            *("--exec-root", str(self.root / "exec")),
            *("--pidfile", str(self.root / "pid")),
            *("--host", f"unix://{self.socket}"),
            *("--config-file", "/dev/null"),
            *("--cgroup-parent", self.cgroup if SYSTEMD else f"/{self.cgroup}"),
            *("--exec-opt", f"native.cgroupdriver={'systemd' if SYSTEMD else 'cgroupfs'}"),
            *(("--storage-driver", STORAGE_DRIVER) if STORAGE_DRIVER and "--storage-driver" not in self.flags else ()),
            *self.flags,
        ]

    def wharf(self, *arguments: str, check: bool = True, input: bytes | None = None, timeout: float = 60) -> Ran:
        program = str(Path(sys.executable).parent / "wharf")
        return self.docker(*arguments, program=program, check=check, input=input, timeout=timeout)

    def close(self) -> None:
        """Also asserts that nothing is left: no mount, process, cgroup or interface."""
        try:
            if self.running:
                self.remove_all()
                assert self.stop() == 0, self.log_tail()
            self.assert_nothing_left()
        finally:
            self._clean()
            super().close()

    def assert_nothing_left(self) -> None:
        """Nothing in the kernel is ours once the daemon has stopped and its containers are gone."""
        # The kernel takes namespaces and cgroups apart in the background.
        try:
            wait_until(lambda: not list(self.leftovers()), "everything is gone")
        except AssertionError:
            raise AssertionError(f"left behind: {list(self.leftovers())}") from None

    def leftovers(self) -> Iterator[str]:
        yield from self.mounts()
        yield from (f"process {pid}: {what}" for pid, what in self.processes())
        yield from (f"cgroup {path}" for path in self.cgroups())
        yield from (f"interface {name}" for name in self.veths())

    def mounts(self) -> list[str]:
        """Mounts below our roots in the host's mount namespace."""
        return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(self.root) in line]

    def processes(self) -> Iterator[tuple[int, str]]:
        """Processes that are in our network namespace or cgroup, or were started with our paths; not the daemon."""
        ours = {self.network.keeper, os.getpid(), self.pid if self.running else 0}
        for directory in Path("/proc").iterdir():
            if not directory.name.isdecimal() or int(directory.name) in ours:
                continue
            try:
                command = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                contained = self.cgroup in (directory / "cgroup").read_text()
                state = (directory / "stat").read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            try:
                inside = (directory / "ns/net").stat().st_ino == self.network.inode
            except OSError:
                inside = False  # ended, or a process that even root may not look into
            if state not in "ZX" and (inside or contained or str(self.root) in command):
                yield int(directory.name), command

    def cgroups(self) -> list[Path]:
        """Groups below our parent group, in any hierarchy."""
        parents = [CGROUPS / self.cgroup, *(hierarchy / self.cgroup for hierarchy in _hierarchies())]
        return [Path(found) for parent in parents for found, _, _ in os.walk(parent) if Path(found) != parent]

    def veths(self) -> list[str]:
        lines = self.inside("ip", "-o", "link", "show", "type", "veth", check=False).splitlines()
        return [line.split(":")[1].strip() for line in lines]

    def nft_elements(self) -> str:
        """The part of our firewall rules that tells of published ports."""
        return self.inside("nft", "list", "ruleset", check=False)

    def _clean(self) -> None:
        """After a failure: what is left must not disturb other tests."""
        for pid, _ in list(self.processes()):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        parents = [CGROUPS / self.cgroup, *(hierarchy / self.cgroup for hierarchy in _hierarchies())]
        for parent in parents:
            for found, _, _ in os.walk(parent, topdown=False):
                try:
                    Path(found).rmdir()
                except OSError:
                    pass  # its last process is still going


def _hierarchies() -> Sequence[Path]:
    return [path for path in CGROUPS.iterdir() if path.is_dir() and not path.is_symlink()]
