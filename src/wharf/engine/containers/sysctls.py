"""Kernel parameters that a container may set: those of namespaces that it has to itself. Pure."""

import re
from typing import Final

from wharf.apitypes.containers import HostConfig
from wharf.errors import InvalidArgument
from wharf.runtime.bundle import ALL_GROUPS_MAY_PING

_OF_IPC: Final = frozenset(
    "kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni"
    " kernel.shm_rmid_forced".split()
)
# A component that is empty could be read as a way up or out of /proc/sys.
_NAME: Final = re.compile(r"[^./\0]+(?:[./][^./\0]+)*")
#: What Docker sets in every network namespace of a container: what rights were needed for, its users need no more.
DEFAULTS_OF_NETWORK: Final = dict([("net.ipv4.ip_unprivileged_port_start", "0"), ALL_GROUPS_MAY_PING])


_SWAPPED: Final = str.maketrans("./", "/.")


def dotted(name: str) -> str:
    """The name with dots between its parts, as sysctl(8) reads it: the first separator says which it is."""
    first = re.search(r"[./]", name)
    if first is None or first[0] == ".":
        return name
    return name.translate(_SWAPPED)


def of_network(host: HostConfig) -> dict[str, str]:
    """Those of a network namespace that the shim makes, as paths below /proc/sys. It sets them itself."""
    own = {dotted(name): value for name, value in host.sysctls.items() if _is_of_network(name)}
    return {name.translate(_SWAPPED): value for name, value in (DEFAULTS_OF_NETWORK | own).items()}


def in_config(host: HostConfig, network: str) -> dict[str, str]:
    """Those that the OCI runtime sets, for a `network` of this kind (see bundling.network_kind).

    The ones of the shim's network are not among them: runc takes that for the host's.
    """
    if network == "bridge":
        return {name: value for name, value in host.sysctls.items() if not _is_of_network(name)}
    return (DEFAULTS_OF_NETWORK if network == "none" else {}) | host.sysctls


def _is_of_network(name: str) -> bool:
    return dotted(name).startswith("net.")


def check(host: HostConfig) -> None:
    """Raises InvalidArgument, in the OCI runtime's words, for one that would not be the container's alone."""
    for given, value in host.sysctls.items():
        name = dotted(given)
        if not _NAME.fullmatch(given) or "\0" in value:
            raise InvalidArgument(f'invalid sysctl "{given}"')
        if name in _OF_IPC or name.startswith("fs.mqueue."):
            if host.ipc_mode == "host":
                raise InvalidArgument(f'sysctl "{name}" is not allowed in the hosts ipc namespace')
        elif name.startswith("net."):
            if host.network_mode == "host":
                raise InvalidArgument(f'sysctl "{name}" not allowed in host network namespace')
        elif name == "kernel.hostname":
            raise InvalidArgument(f'sysctl "{name}" is not allowed as it conflicts with the OCI "hostname" field')
        elif name != "kernel.domainname" or host.uts_mode == "host":
            raise InvalidArgument(f'sysctl "{name}" is not in a separate kernel namespace')
