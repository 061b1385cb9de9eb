# ruff: noqa: PTH101, PTH109, PTH123
# No pathlib, as all of the shim. Only starters of containers with a user namespace load this.
"""What a container with a user namespace needs besides: the namespace, and mounts that show its own ids.

A launch's `user` is {"uids", "gids"} (maps as the kernel takes them), "join" (the path of a namespace, for one that is
another container's), "mapped" (paths that the container's mounts come from, and whose ids it is to see as they are on
disk); `owner` is who the container's root is on the host.
"""

import os
from typing import Any

from wharf.linux import detached, syscall, user_namespaces
from wharf.runtime import records
from wharf.runtime.shim import isolation


def enter(launch: dict[str, Any]) -> user_namespaces.UserNamespace:
    """The namespace, and a network namespace that it owns if one is wanted. Raises OSError."""
    user, network = launch["user"], launch["new_network"]
    if user["join"]:
        made = user_namespaces.join(user["join"], network=network)
    else:
        made = user_namespaces.make(user["uids"], user["gids"], network=network)
    if made.network is not None:
        _set_sysctls(made.network, launch["network_sysctls"])
    return made


def _set_sysctls(network: int, sysctls: dict[str, str]) -> None:
    # As the host's root: the container's does not know the groups that are not mapped.
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    syscall.setns(network, syscall.CLONE_NEWNET)
    try:
        isolation.set_sysctls(sysctls)
    finally:
        syscall.setns(home, syscall.CLONE_NEWNET)
        os.close(home)


def prepare(launch: dict[str, Any], namespace: int) -> None:
    """Lets the container's root pass through the bundle, and find its own files there. Raises OSError."""
    root, owner = launch["root"], tuple(launch["owner"])
    os.chown(".", -1, owner[1])
    os.chmod(".", 0o710)
    # config.json names the namespace by this path, which is the same whoever opens it.
    with open(records.USER_NAMESPACE, "w"):
        pass
    syscall.mount(f"/proc/self/fd/{namespace}", records.USER_NAMESPACE, flags=syscall.MS_BIND)
    for path in launch["user"]["mapped"]:
        isolation.keep_mounts_from_host(path)
        detached.place_mapped(path, path, namespace, recursive=True)
    isolation.keep_mounts_from_host(root["directory"])
    user_namespaces.mount_root(f"{os.getcwd()}/{records.ROOTFS}", namespace, owner, **root)
    syscall.mount("none", records.ROOTFS, flags=syscall.MS_PRIVATE)
