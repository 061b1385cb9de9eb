"""Answers about containers: inspect, and the lines of ps. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from wharf.apitypes.containers import (
    ContainerConfig,
    ContainerInspect,
    ContainerState,
    ContainerSummary,
    DriverData,
    EndpointSettings,
    HealthResult,
    HealthState,
    HealthSummary,
    NetworkSettings,
    PendingEdit,
    Port,
    PortBinding,
    SummaryHostConfig,
    SummaryNetworkSettings,
)
from wharf.engine.containers import wording
from wharf.engine.containers.health import Health, Result, status_of
from wharf.engine.containers.ports import parse_port
from wharf.engine.containers.record import ZERO_TIME, Container, Status
from wharf.engine.networks import attachments
from wharf.network.contract import Endpoint


def _result(result: Result) -> HealthResult:
    start, end = (f"{moment.replace(tzinfo=None).isoformat()}Z" for moment in (result.start, result.end))
    return HealthResult(start=start, end=end, exit_code=result.exit_code, output=result.output)


def health_state(health: Health) -> HealthState:
    return HealthState(
        status=health.status.value, failing_streak=health.failing_streak, log=[_result(result) for result in health.log]
    )


def state(container: Container, health: Health | None = None) -> ContainerState:
    return ContainerState(
        status=container.status.value,
        running=container.running,
        paused=container.status is Status.PAUSED,
        restarting=container.status is Status.RESTARTING,
        oom_killed=container.oom_killed,
        dead=container.status is Status.DEAD,
        pid=container.pid,
        exit_code=container.exit_code,
        error=container.error,
        started_at=container.started_at,
        finished_at=container.finished_at,
        health=msgspec.UNSET if health is None else health_state(health),
    )


def ports(container: Container) -> dict[str, list[PortBinding] | None]:
    """NetworkSettings.Ports: every exposed port, with its bindings, while a bridge leads out of the container."""
    if not any(endpoint.interface and endpoint.router for endpoint in container.endpoints.values()):
        return {}
    found: dict[str, list[PortBinding] | None] = {
        f"{number}/{protocol}": None for number, protocol in map(parse_port, container.config.exposed_ports)
    }
    for port in (port for endpoint in container.endpoints.values() for port in endpoint.ports):
        key = f"{port.container_port}/{port.protocol}"
        binding = PortBinding(host_ip=port.host_ip, host_port=str(port.host_port or ""))
        found[key] = [*(found.get(key) or ()), binding]
    return found


def _addresses(endpoint: Endpoint) -> dict[str, str | int]:
    """What an endpoint, and the settings of a container on the default network, show of the same things."""
    return {
        "gateway": endpoint.gateway,
        "ip_address": endpoint.address,
        "ip_prefix_len": endpoint.prefix_length,
        "ipv6_gateway": endpoint.gateway6,
        "global_ipv6_address": endpoint.address6,
        "global_ipv6_prefix_len": endpoint.prefix_length6,
    }


def _endpoint_settings(container: Container, name: str, asked: EndpointSettings, network_id: str) -> EndpointSettings:
    named = name not in ("bridge", "host", "none")
    settings = msgspec.structs.replace(
        asked,
        network_id=network_id if container.started_at != ZERO_TIME else "",
        dns_names=attachments.dns_names(container, asked) if named else None,
    )
    if container.pid and name in ("host", "none"):
        return msgspec.structs.replace(settings, endpoint_id=container.id)
    if endpoint := container.endpoints.get(name):
        settings = msgspec.structs.replace(
            settings,
            endpoint_id=endpoint.id,
            mac_address=endpoint.mac_address,
            **_addresses(endpoint),
        )
    return settings


def networks(container: Container, network_id: Callable[[str], str]) -> dict[str, EndpointSettings]:
    return {
        name: _endpoint_settings(container, name, asked, network_id(name))
        for name, asked in attachments.of(container).items()
    }


def network_settings(container: Container, network_id: Callable[[str], str]) -> NetworkSettings:
    attached = networks(container, network_id)
    settings = NetworkSettings(ports=ports(container), networks=attached)
    if container.running and attached:
        settings = msgspec.structs.replace(
            settings, sandbox_id=container.id, sandbox_key=f"/proc/{container.pid}/ns/net"
        )
    if endpoint := container.endpoints.get("bridge"):
        settings = msgspec.structs.replace(
            settings,
            endpoint_id=endpoint.id,
            mac_address=endpoint.mac_address,
            **_addresses(endpoint),
        )
    return settings


def inspect(
    container: Container,
    health: Health | None,
    *,
    directory: Path,
    log_path: str,
    network_id: Callable[[str], str],
    graph_driver: DriverData,
    apparmor_profile: str,
    links: list[str],
    execs: list[str],
) -> ContainerInspect:
    """GET /containers/{name}/json, without sizes. `directory` has the files that are bound to its /etc."""
    # Until a start has made them there are no files to name.
    prepared = container.started_at != ZERO_TIME or container.exit_code != 0
    return ContainerInspect(
        id=container.id,
        created=container.created,
        path=container.path,
        args=container.args,
        state=state(container, health),
        image=container.image,
        resolv_conf_path=str(directory / "resolv.conf") if prepared else "",
        hostname_path=str(directory / "hostname") if prepared else "",
        hosts_path=str(directory / "hosts") if prepared else "",
        log_path=log_path if prepared else "",
        name=f"/{container.name}",
        exec_ids=execs or None,
        restart_count=container.restart_count,
        driver=graph_driver.name,
        platform=container.platform,
        host_config=msgspec.structs.replace(container.host, links=links) if links else container.host,
        app_armor_profile=apparmor_profile,
        graph_driver=graph_driver,
        mounts=container.mounts,
        config=_config(container),
        network_settings=network_settings(container, network_id),
        pending_edit=_pending_edit(container),
    )


def _config(container: Container) -> ContainerConfig:
    """With the MAC address where old versions have it; it is the first network's."""
    asked = next(iter(attachments.of(container).values()), None)
    if asked is None or not asked.mac_address:
        return container.config
    return msgspec.structs.replace(container.config, mac_address=asked.mac_address)


def _pending_edit(container: Container) -> PendingEdit | msgspec.UnsetType:
    if container.edit is None or container.edit.tried:
        return msgspec.UNSET
    return PendingEdit(config=container.edit.other.config, host_config=container.edit.other.host)


def _summary_ports(container: Container) -> list[Port]:
    lines = []
    for key, bindings in ports(container).items():
        number, _, protocol = key.partition("/")
        published = [
            Port(ip=b.host_ip, private_port=int(number), public_port=int(b.host_port or 0), type=protocol or "tcp")
            for b in bindings or ()
        ]
        lines += published or [Port(private_port=int(number), type=protocol or "tcp")]
    return lines


def _listed_networks(container: Container, network_id: Callable[[str], str]) -> dict[str, EndpointSettings]:
    """As a list shows them: without the container's names there."""
    return {
        name: msgspec.structs.replace(settings, aliases=None, dns_names=None)
        for name, settings in networks(container, network_id).items()
    }


def summary(
    container: Container,
    health: Health | None,
    *,
    image_name: str,
    network_id: Callable[[str], str],
    linked_as: Sequence[str],
    now: datetime,
) -> ContainerSummary:
    """One line of ps. `image_name` is the name it was made by while that still names its image, else the id."""
    return ContainerSummary(
        id=container.id,
        names=[f"/{container.name}", *linked_as],
        image=image_name,
        image_id=container.image,
        command=wording.command(container),
        created=int(wording.parse_time(container.created).timestamp()),
        ports=_summary_ports(container),
        labels=container.config.labels,
        state=container.status.value,
        status=wording.status(container, now, status_of(health).value),
        health=HealthSummary(status=status_of(health).value, failing_streak=health.failing_streak if health else 0),
        host_config=SummaryHostConfig(network_mode=container.host.network_mode, annotations=container.host.annotations),
        network_settings=SummaryNetworkSettings(networks=_listed_networks(container, network_id)),
        mounts=container.mounts,
    )
