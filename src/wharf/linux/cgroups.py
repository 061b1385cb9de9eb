# ruff: noqa: PTH106, PTH110, PTH112, PTH123, C419
# No pathlib: the shim loads this, and it would double its memory. Lists in all(): every directory must be tried.
"""Control groups: where a container's are, and what to do with them. Versions 1, hybrid and 2.

`path` is always the group's path below the root of its hierarchies: "/wharf/<id>", as config.json's cgroupsPath of the
cgroupfs driver, or "/system.slice/wharf-<id>.scope" where systemd made it.
"""

import _signal  # type: ignore[import-not-found]
import errno
import os
import time
from collections.abc import Iterator
from typing import Final

ROOT: Final = "/sys/fs/cgroup"
V1: Final = "v1"
HYBRID: Final = "hybrid"
V2: Final = "v2"


def version(root: str = ROOT) -> str:
    """V2 when the root is the unified hierarchy, HYBRID when one is mounted beside those of version 1."""
    if os.path.exists(f"{root}/cgroup.controllers"):
        return V2
    return HYBRID if os.path.exists(f"{root}/unified/cgroup.procs") else V1


def is_own(path: str) -> bool:
    """Whether a path names a group below the root, so that killing and removing it cannot mean the machine."""
    return path.startswith("/") and path.strip("/") != "" and ".." not in path.split("/")


def path_of(given: str) -> str:
    """The path of the group that config.json's cgroupsPath means; "" for one that is neither of the two forms.

    The systemd driver's is "slice:prefix:name"; a slice "a-b.slice" is in "a.slice".
    """
    if given.startswith("/"):
        return given
    parts = given.split(":")
    if len(parts) != 3 or not is_slice(parts[0]):
        return ""
    stem = parts[0].removesuffix(".slice")
    above = [f"/{stem[:at]}.slice" for at in range(1, len(stem)) if stem[at] == "-"] if stem != "-" else []
    own = f"/{parts[0]}" if stem != "-" else ""
    return f"{''.join(above)}{own}/{parts[1]}-{parts[2]}.scope"


def is_slice(name: str) -> bool:
    """Whether this is the name of a systemd slice, such as "system.slice"."""
    stem = name.removesuffix(".slice")
    if stem == name or "/" in name or ":" in name:
        return False
    return stem == "-" or all(stem.split("-"))


def path_of_process(pid: int) -> str:
    """The path of the group that a process is in; "" when nobody knows (it has ended, or it is in the root)."""
    found = ""
    for line in _read(f"/proc/{pid}/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        # The runtimes give a container the same path everywhere; a process may be elsewhere in a named hierarchy.
        if (controllers == "" and not found) or "pids" in controllers.split(","):
            found = path.removesuffix(" (deleted)")
    return found if is_own(found) else ""


def directories(path: str, root: str = ROOT) -> list[str]:
    """All directories of the group that exist, one for each hierarchy."""
    return [directory for directory in _places(path, root) if os.path.isdir(directory)]


def _places(path: str, root: str) -> list[str]:
    """Where the group's directories are if they exist."""
    if not is_own(path):
        return []
    which = version(root)
    if which == V2:
        return [f"{root}{path}"]
    # cpu and cpuacct may be two names (symbolic links) of one hierarchy.
    names = [entry.name for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False)]
    if which == V1:
        # A shim hides the version 2 hierarchy from its runtime: what is in its place is no cgroup.
        names = [name for name in names if name != "unified"]
    return [f"{root}/{name}{path}" for name in names]


def own_procs_file(root: str = ROOT) -> str:
    """The cgroup.procs of the group that this process is in; "" where there is none."""
    with open("/proc/self/cgroup") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            name = controllers.removeprefix("name=").split(",")[0]
            procs = f"{root}/{name}{path}/cgroup.procs".replace("//", "/")
            if os.access(procs, os.W_OK):
                return procs
    return ""


def hasten_moves(procs: str) -> None:
    """Makes the next move of a process into a group quick. Blocks for some milliseconds: call it in a thread, early.

    The first move after a pause waits for a grace period of the kernel (cgroup_threadgroup_rwsem, about 10 ms), and
    those soon after it do not. Moving ourselves to where we are takes that wait while the OCI runtime still starts.
    """
    try:
        fd = os.open(procs, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return  # nothing but time is lost
    try:
        os.write(fd, b"0")
    except OSError:
        pass
    finally:
        os.close(fd)


def _read(path: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # the group is gone, or this kernel has no such file
        return ""
    text = b""
    try:
        while data := os.read(fd, 1 << 16):
            text += data
    except OSError:
        pass  # it has gone just now
    finally:
        os.close(fd)
    return text.decode()


def _controller(path: str, controller: str, root: str) -> str:
    return f"{root}{path}" if version(root) == V2 else f"{root}/{controller}{path}"


def processes(path: str, root: str = ROOT) -> list[int]:
    """The pids of all processes in the group and below it; empty when it is gone."""
    found: set[int] = set()
    if not is_own(path):
        return []
    for controller in ("pids", "memory", "freezer"):
        for directory, _, _ in os.walk(_controller(path, controller, root)):
            found.update(int(line) for line in _read(f"{directory}/cgroup.procs").split())
        if found:
            break
    return sorted(found)


def freeze(path: str, frozen: bool, root: str = ROOT, timeout: float = 5.0) -> None:
    """Stops (or lets go on) all processes of the group and waits until the kernel says so.

    Raises OSError; TimeoutError when a process stays in the kernel, and then the group is running again.
    """
    if not is_own(path):
        raise FileNotFoundError(errno.ENOENT, "no control group is known", path)
    directory = _controller(path, "freezer", root)
    if version(root) == V2:
        _write(f"{directory}/cgroup.freeze", "1" if frozen else "0")
    else:
        _write(f"{directory}/freezer.state", "FROZEN" if frozen else "THAWED")
    end = time.monotonic() + timeout
    while is_frozen(path, root) != frozen:
        if time.monotonic() > end:
            if frozen:
                freeze(path, False, root, timeout=0.1)
            raise TimeoutError("the processes did not stop")
        time.sleep(0.001)


def is_frozen(path: str, root: str = ROOT) -> bool:
    """Whether all processes of the group are frozen."""
    directory = _controller(path, "freezer", root)
    if version(root) == V2:
        return "frozen 1" in _read(f"{directory}/cgroup.events")
    return _read(f"{directory}/freezer.state").strip() == "FROZEN"


def memory_events(path: str, root: str = ROOT) -> str:
    """The file that counts the kernel's kills for want of memory. That of version 2 can be polled for changes."""
    directory = _controller(path, "memory", root)
    return f"{directory}/{'memory.events' if version(root) == V2 else 'memory.oom_control'}"


def count(events: str, name: str) -> int:
    """One number of a text of lines `name number`; 0 where it is not."""
    for line in events.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def was_out_of_memory(path: str, root: str = ROOT) -> bool:
    """Whether the kernel has killed a process of the group for want of memory."""
    return is_own(path) and count(_read(memory_events(path, root)), "oom_kill") > 0


def kill(path: str, root: str = ROOT, timeout: float = 10.0) -> bool:
    """Kills all processes of the group; True when none is left."""
    end = time.monotonic() + timeout
    while pids := processes(path, root):
        if version(root) == V2 and os.path.exists(f"{root}{path}/cgroup.kill"):
            _write(f"{root}{path}/cgroup.kill", "1")
        else:
            for pid in pids:
                try:
                    os.kill(pid, _signal.SIGKILL)
                except ProcessLookupError:
                    pass  # it was quicker
            if is_frozen(path, root) or _read(f"{_controller(path, 'freezer', root)}/freezer.state").strip():
                _thaw(path, root)
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def _thaw(path: str, root: str) -> None:
    # A frozen process dies only when it may run.
    directory = _controller(path, "freezer", root)
    try:
        if version(root) == V2:
            _write(f"{directory}/cgroup.freeze", "0")
        else:
            _write(f"{directory}/freezer.state", "THAWED")
    except OSError:
        pass  # gone meanwhile


def remove(path: str, root: str = ROOT) -> bool:
    """Removes the group's directories, and those that its processes made below; False while one is in use."""
    return all([_remove_tree(directory) for directory in _places(path, root)])


def end(path: str, root: str = ROOT) -> bool:
    """Removes the group, and first kills what runs in it; False when neither helped."""
    # The kernel refuses to remove a group with processes, which is quicker than to look for them.
    return remove(path, root) or (kill(path, root) and remove(path, root))


def _remove_tree(directory: str) -> bool:
    try:
        os.rmdir(directory)
        return True
    except FileNotFoundError:
        return True
    except OSError:
        pass  # it has groups below, or processes
    for child in _children(directory):
        _remove_tree(child)
    try:
        os.rmdir(directory)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _children(directory: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(directory))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield entry.path


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
