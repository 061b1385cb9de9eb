"""--security-opt: what a container asks for beside its capabilities. Pure."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from wharf.apitypes.containers import HostConfig
from wharf.errors import EngineError, NotImplementedByUs
from wharf.runtime.bundle import HostFacts
from wharf.runtime.seccomp_profile import parse_profile
from wharf.spec.booleans import parse_bool

UNCONFINED: Final = "unconfined"
#: The words by which a seccomp profile is named; everything else is one, as JSON.
SECCOMP_NAMES: Final = ("", UNCONFINED, "builtin")
NO_LABEL: Final = "label=disable"


@dataclass(frozen=True, slots=True)
class Security:
    """What the options say; None and "" leave it to the daemon."""

    seccomp: str = ""
    apparmor: str = ""  # a profile that the kernel has loaded, or `unconfined`
    labels: tuple[str, ...] = ()  # for SELinux
    no_new_privileges: bool | None = None
    writable_cgroups: bool | None = None


def parse(options: Iterable[str]) -> Security:
    """The options of a request. Raises EngineError, as dockerd does: to it this is no fault of the request."""
    found = Security()
    for text in options:
        found = _with(found, text)
    return found


def _with(found: Security, text: str) -> Security:
    if text == "no-new-privileges":
        return replace(found, no_new_privileges=True)
    if text == "writable-cgroups":
        return replace(found, writable_cgroups=True)
    if text == "disable":  # older than the word "label="
        return replace(found, labels=(*found.labels, text))
    name, separator, value = text.partition("=" if "=" in text else ":")
    if not separator:
        raise EngineError(f'invalid --security-opt 1: "{text}"')
    if name == "label":
        return replace(found, labels=(*found.labels, value))
    if name == "seccomp":
        return replace(found, seccomp=value)
    if name == "apparmor":
        return replace(found, apparmor=value)
    with suppress(ValueError):
        if name == "no-new-privileges":
            return replace(found, no_new_privileges=parse_bool(value))
        if name == "writable-cgroups":
            return replace(found, writable_cgroups=parse_bool(value))
    raise EngineError(f'invalid --security-opt 2: "{text}"')


def check(host: HostConfig, facts: HostFacts) -> None:
    """Raises EngineError for options that no container of this host can have."""
    security = parse(host.security_opt)
    if security.seccomp not in SECCOMP_NAMES:
        parse_profile(security.seccomp, frozenset())
    if facts.selinux and any(label != "disable" for label in security.labels):
        raise NotImplementedByUs("SELinux labels are not supported by this engine yet")


def with_labels(host: HostConfig) -> HostConfig:
    """What dockerd adds: a container that sees the host's processes is not held apart from them by a label."""
    open_to_host = host.privileged or host.pid_mode == "host" or host.ipc_mode == "host"
    if not open_to_host or any(text.startswith("label") for text in host.security_opt):
        return host
    return msgspec.structs.replace(host, security_opt=[*host.security_opt, NO_LABEL])


def apparmor_profile(host: HostConfig, facts: HostFacts) -> str:
    """The profile that holds the container, "" for none: where the kernel has no AppArmor, dockerd ignores it too."""
    if not facts.apparmor:
        return ""
    asked = parse(host.security_opt).apparmor
    return asked or (UNCONFINED if host.privileged else facts.apparmor_profile)
