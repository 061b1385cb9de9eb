# ruff: noqa: PTH102, PTH103, PTH110, PTH120, PTH123, PTH109
# No pathlib: it would double the shim's memory.
"""The namespaces and mounts that a shim makes for its container, where nobody else can see them.

The kernel undoes all of this when the shim ends, however it ends.
"""

import errno
import os
from typing import Any, Final

from wharf.linux import syscall
from wharf.linux.bound_by_quotas import bound_by_quotas
from wharf.runtime import records

_UNIFIED: Final = "/sys/fs/cgroup/unified"
_OOM_SCORE: Final = "-999"


def protect_from_out_of_memory(pid: int) -> None:
    """Lets the kernel look for others first; without the right to, the process stays as it is."""
    try:
        with open(f"/proc/{pid}/oom_score_adj", "w") as file:
            file.write(_OOM_SCORE)
    except OSError:
        pass


def enter_mount_namespace() -> None:
    """A mount namespace of our own. What is mounted below the bundle from now on is seen here only."""
    syscall.unshare(syscall.CLONE_NEWNS)
    keep_mounts_from_host(os.getcwd())


def keep_mounts_from_host(path: str) -> None:
    """Mounts of ours on the file system of `path` no longer appear on the host, those of the host still do here.

    Only this one file system: binds of others with propagation "shared" have to reach the host.
    """
    while True:
        try:
            syscall.mount("none", path, flags=syscall.MS_SLAVE)
            return
        except OSError as error:
            # EINVAL: not a mount point, so look above. "/" always is one.
            if error.errno != errno.EINVAL or path == "/":
                raise
        path = os.path.dirname(path)


def new_network(sysctls: dict[str, str]) -> int:
    """Makes a network namespace without staying in it; its descriptor. `sysctls` are paths below /proc/sys.

    Raises OSError, also for a parameter that the kernel does not know or a value that it does not take.
    """
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscall.unshare(syscall.CLONE_NEWNET)
        made = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        set_sysctls(sysctls)
    finally:
        syscall.setns(home, syscall.CLONE_NEWNET)
        os.close(home)
    return made


def set_sysctls(sysctls: dict[str, str]) -> None:
    """Sets parameters of the network namespace that we are in; as for new_network()."""
    for name, value in sysctls.items():
        try:
            with open(f"/proc/sys/{name}", "w") as file:
                file.write(value)
        except OSError as error:
            raise OSError(error.errno, f"sysctl {name}={value}: {os.strerror(error.errno or 0)}") from None


def hide_unified_cgroup() -> bool:
    """Hides the version 2 hierarchy that hybrid hosts have beside version 1; False where there is none.

    crun before 1.9 refuses to run where it sees both. It still makes directories at that place, so something of our own
    is mounted there that goes when the shim does.
    """
    if not os.path.exists(f"{_UNIFIED}/cgroup.procs"):
        return False
    keep_mounts_from_host(_UNIFIED)
    syscall.mount("none", _UNIFIED, "tmpfs", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC, "size=1m")
    return True


def mount_root(root: dict[str, Any]) -> None:
    """Mounts the container's root on the bundle's `rootfs`. Raises OSError."""
    bundle = os.getcwd()
    target = f"{bundle}/{records.ROOTFS}"
    os.makedirs(target, mode=0o711, exist_ok=True)
    os.chdir(root["directory"])
    try:
        if root["fstype"] == "bind":
            syscall.mount(root["source"], target, flags=syscall.MS_BIND | syscall.MS_REC)
        else:
            bound_by_quotas(lambda: syscall.mount(root["source"], target, root["fstype"], data=root["data"]))
    finally:
        os.chdir(bundle)
    syscall.mount("none", records.ROOTFS, flags=syscall.MS_PRIVATE)


def mount_shm_of(namespace: str) -> None:
    """Mounts the /dev/shm of another container on the bundle's `shm`; `namespace` is the path of its mount namespace.

    The other container may have put anything there. No link is followed, so it is always something of its own.
    Raises OSError, with ENOSYS before Linux 5.2.
    """
    os.mkdir(records.SHM, mode=0o700)
    ways_back = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in ("/proc/self/ns/mnt", "/", ".")]
    theirs = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscall.setns(theirs, syscall.CLONE_NEWNS)
        try:
            tree = _copy_of_shm()
        finally:
            # Moving to a namespace also changes the root, and with it the directory, to what it has at its top.
            syscall.setns(ways_back[0], syscall.CLONE_NEWNS)
            os.fchdir(ways_back[1])
            os.chroot(".")
            os.fchdir(ways_back[2])
        syscall.move_mount(tree, records.SHM)
        os.close(tree)
    finally:
        for fd in (theirs, *ways_back):
            os.close(fd)


def _copy_of_shm() -> int:
    """/dev/shm of the namespace that we are in, to be mounted in another."""
    dev = os.open("/dev", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        shm = os.open("shm", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dev)
    finally:
        os.close(dev)
    try:
        return syscall.open_tree(shm)
    finally:
        os.close(shm)


def unmount_root() -> None:
    """Undoes mount_root()."""
    for flags in (0, syscall.MNT_DETACH):
        try:
            syscall.umount(records.ROOTFS, flags | syscall.UMOUNT_NOFOLLOW)
            return
        except OSError as error:
            if error.errno != errno.EBUSY:
                return  # was not mounted


def place_mounts(mounts: list[int]) -> None:
    """Puts mounts that are nowhere yet where config.json has them; closes their descriptors. Raises OSError."""
    os.mkdir(records.MOUNTS, 0o711)
    for number, mount in enumerate(mounts):
        path = f"{records.MOUNTS}/{number}"
        if os.fstat(mount).st_mode & 0o170000 == 0o040000:
            os.mkdir(path)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC))
        syscall.move_mount(mount, path)
        os.close(mount)


def forget_mounts(count: int, others: list[str]) -> None:
    """The container has its mounts by now, and ours would keep file systems busy; so would `others`, of other's."""
    if others:
        # What is mounted where the host shares its mounts would else be unmounted on the host, too, and everywhere.
        syscall.mount("none", "/", flags=syscall.MS_SLAVE | syscall.MS_REC)
    for path in [f"{records.MOUNTS}/{number}" for number in range(count)] + others:
        try:
            syscall.umount(path, syscall.MNT_DETACH | syscall.UMOUNT_NOFOLLOW)
        except OSError:
            pass  # they end with us
