"""From a create request to a container's configuration: the image's defaults filled in, nonsense refused. Pure."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Final

import msgspec

from wharf.apitypes.containers import ContainerConfig, HealthConfig, HostConfig
from wharf.engine.containers import (
    bundling,
    devices,
    etc_files,
    health,
    mounts,
    ports,
    restart,
    sharing,
    signals,
    sysctls,
)
from wharf.engine.containers.terminal import console_size
from wharf.engine.logs import drivers
from wharf.engine.networks import endpoint_settings
from wharf.errors import InvalidArgument
from wharf.linux import capabilities
from wharf.runtime import bundle
from wharf.spec.image_config import Healthcheck, RunConfig

LONGEST_DOMAIN: Final = 64  # bytes; __NEW_UTS_LEN of the kernel
_HOSTNAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_CAPABILITIES: Final = frozenset(capabilities.NAMES)
_UMASK: Final = re.compile(r"0?[0-7]{1,3}")


def merge_environment(own: Sequence[str], of_image: Sequence[str]) -> list[str]:
    """The request's variables, then those of the image that it does not set."""
    names = {text.partition("=")[0] for text in own}
    return [*own, *(text for text in of_image if text.partition("=")[0] not in names)]


def merge(config: ContainerConfig, image: RunConfig) -> ContainerConfig:
    """The configuration of a container made from an image. Raises InvalidArgument when nothing says what to run."""
    entrypoint, cmd = config.entrypoint, config.cmd
    if not entrypoint:
        cmd = cmd or image.cmd
        entrypoint = image.entrypoint if entrypoint is None else entrypoint
    if entrypoint == [""]:
        # The way to say "no entrypoint" on the wire; docker run --entrypoint "" sends it.
        entrypoint = None
    if not entrypoint and not cmd:
        raise InvalidArgument("No command specified")
    return msgspec.structs.replace(
        config,
        user=config.user or image.user,
        exposed_ports=image.exposed_ports | config.exposed_ports,
        env=merge_environment(config.env, image.env),
        labels=image.labels | config.labels,
        entrypoint=entrypoint,
        cmd=cmd,
        healthcheck=_health(config.healthcheck, image.healthcheck),
        working_dir=config.working_dir or image.working_dir,
        volumes=image.volumes | config.volumes,
        stop_signal=config.stop_signal or image.stop_signal,
        stop_timeout=image.stop_timeout if config.stop_timeout is None else config.stop_timeout,
        shell=config.shell or image.shell,
    )


def _health(own: HealthConfig | None, image: Healthcheck | None) -> HealthConfig | None:
    """The image's check, with what the request says of it; 0 and nothing inherit."""
    if image is None:
        return own
    own = own or HealthConfig()
    return HealthConfig(
        test=own.test or image.test,
        interval=own.interval or image.interval,
        timeout=own.timeout or image.timeout,
        retries=own.retries or image.retries,
        start_period=own.start_period or image.start_period,
        start_interval=own.start_interval or image.start_interval,
    )


def cgroup_namespace(default: str, host: HostConfig, *, unified: bool) -> str:
    """The cgroup namespace of a container that asks for none: `default` is the daemon's, "" when nobody set it."""
    if host.privileged and not unified:
        return "host"
    return default or ("private" if unified else "host")


def hidden_paths(host: HostConfig, masked: Sequence[str] = bundle.DEFAULT_MASKED_PATHS) -> dict[str, list[str]]:
    """The paths that are masked or read-only where the request says nothing of them. None is, for the privileged.

    `masked` are those that this host masks.
    """
    if host.privileged:
        return {}
    found = {}
    if host.masked_paths is None:
        found["masked_paths"] = list(masked)
    if host.readonly_paths is None:
        found["readonly_paths"] = list(bundle.DEFAULT_READONLY_PATHS)
    return found


def check(config: ContainerConfig, host: HostConfig) -> list[str]:
    """Raises InvalidArgument, in dockerd's words, for what cannot be; returns warnings.

    What the machine decides, its limits, is checked in limits.py.
    """
    _check_process(config)
    _check_umask(host)
    health.check(config, host)
    console_size(host.console_size or ())
    sysctls.check(host)
    sharing.check(config, host)
    devices.check(host)
    drivers.check(host.log_config)
    restart.check(host.restart_policy, auto_remove=host.auto_remove)
    mounts.requests(config, host)
    list(mounts.volumes_from(host.volumes_from))
    list(ports.requests(config, host))
    for text in config.exposed_ports:
        ports.parse_port(text)
    _check_capabilities("CapAdd", host.cap_add)
    _check_capabilities("CapDrop", host.cap_drop)
    _check_names(host)
    if host.isolation not in ("", "default"):
        raise InvalidArgument(f"invalid isolation ({host.isolation}): linux only supports 'default'")
    if "" in host.annotations:
        raise InvalidArgument("invalid Annotations: the empty string is not permitted as an annotation key")
    endpoint_settings.check_mac_address(config.mac_address)
    return list(_warnings(config, host))


def _check_capabilities(member: str, names: Sequence[str]) -> None:
    for name in names:
        full = bundling.capability(name)
        if full != "ALL" and full not in _CAPABILITIES:
            raise InvalidArgument(f'invalid {member}: unknown capability: "{full}"')


def _check_names(host: HostConfig) -> None:
    """Who is called what: told now, since at the start it would be too late to ask again."""
    for text in host.extra_hosts:
        etc_files.check_extra_host(text)
    for address in host.dns:
        try:
            ip_address(address)
        except ValueError:
            raise InvalidArgument(f"bad nameserver address {address}: unable to parse IP") from None


def _check_process(config: ContainerConfig) -> None:
    if config.hostname and not _HOSTNAME.fullmatch(config.hostname):
        raise InvalidArgument(f"invalid hostname format: {config.hostname}")
    if len(config.domainname.encode()) > LONGEST_DOMAIN:
        raise InvalidArgument(f"invalid domainname format: {config.domainname}")
    if config.working_dir and not config.working_dir.startswith("/"):
        raise InvalidArgument(
            f"the working directory '{config.working_dir}' is invalid, it needs to be an absolute path"
        )
    for text in config.env:
        if not text or text.startswith("=") or "\0" in text:
            raise InvalidArgument(f"invalid environment variable: {text}")
    for text in (*(config.entrypoint or ()), *(config.cmd or ())):
        if "\0" in text:
            raise InvalidArgument("invalid argument: it contains a zero byte")
    if config.stop_signal:
        signals.parse(config.stop_signal)


def _check_umask(host: HostConfig) -> None:
    if host.umask is not msgspec.UNSET and not _UMASK.fullmatch(host.umask):
        raise InvalidArgument(f'invalid umask "{host.umask}": expected an octal number from 0 to 0777')


def _warnings(config: ContainerConfig, host: HostConfig) -> Iterator[str]:
    if unexposed := ports.unexposed(config, host):
        yield f"Bound but not exposed, and so not published: {', '.join(unexposed)}"
    if host.network_mode == "host" and host.port_bindings:
        yield "Published ports are discarded when using host network mode"
