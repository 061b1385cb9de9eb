"""From the daemon's configuration to what the engine is told. Pure."""

from datetime import timedelta
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network, ip_network
from pathlib import Path

from wharf.apitypes.containers import Ulimit
from wharf.daemon.checks import cgroup_driver, parse_size, storage_size
from wharf.daemon.config import Config
from wharf.engine.config import BridgeConfig, EngineConfig, LogDefaults, RegistrySettings
from wharf.network.settings import Forwarding
from wharf.network.subnets import PoolOfSubnets
from wharf.plugins.discovery import Roots
from wharf.plugins.registry import Settings as PluginSettings


def engine_config(config: Config) -> EngineConfig:
    return EngineConfig(
        data_root=Path(config.data_root).absolute(),
        exec_root=Path(config.exec_root).absolute(),
        bridge=_bridge(config),
        address_pools=tuple(PoolOfSubnets(ip_network(pool.base), pool.size) for pool in config.default_address_pools),
        network_options=config.default_network_opts,
        registry=RegistrySettings(
            mirrors=config.registry_mirrors,
            insecure=config.insecure_registries,
            max_downloads=config.max_concurrent_downloads,
        ),
        logs=LogDefaults.of(config.log_driver, config.log_opts),
        runtimes={"crun": "crun", "runc": "runc"} | {name: entry.path for name, entry in config.runtimes.items()},
        default_runtime=config.default_runtime,
        default_ulimits=tuple(
            Ulimit(name=name, soft=limit.soft, hard=limit.hard) for name, limit in config.default_ulimits.items()
        ),
        plugins=_plugins(config),
        storage_driver=config.storage_driver,
        storage_size=storage_size(config.storage_opts, config.storage_driver),
        cgroup_driver=cgroup_driver(config.exec_opts),
        cgroup_parent=config.cgroup_parent,
        cpu_realtime_period=config.cpu_rt_period,
        cpu_realtime_runtime=config.cpu_rt_runtime,
        default_cgroupns_mode=config.default_cgroupns_mode,
        default_ipc_mode=config.default_ipc_mode,
        live_restore=config.live_restore,
        shutdown_timeout=config.shutdown_timeout,
        labels=config.labels,
        shm_size=parse_size(config.default_shm_size),
        init=config.init,
        init_path=Path(config.init_path) if config.init_path else None,
        seccomp_profile=config.seccomp_profile,
        no_new_privileges=config.no_new_privileges,
        cdi_spec_dirs=tuple(map(Path, filter(None, config.cdi_spec_dirs))),
        userns_remap=config.userns_remap,
        userns_pool=config.userns_pool,
        dns=config.dns,
        dns_options=config.dns_opts,
        dns_search=config.dns_search,
        host_gateway_ip=config.host_gateway_ip,
        debug=config.debug,
    )


def _plugins(config: Config) -> PluginSettings:
    """What is asked only of the plugin's own knowledge gets half of the time."""
    roots = Roots(tuple(map(Path, config.plugin_socket_dirs)), tuple(map(Path, config.plugin_spec_dirs)))
    long = timedelta(seconds=config.plugin_timeout)
    patience = min(long, PluginSettings().patience)
    return PluginSettings(roots, long=long, short=long / 2, patience=patience)


def _bridge(config: Config) -> BridgeConfig:
    return BridgeConfig(
        name=config.bridge,
        address=IPv4Interface(config.bip) if config.bip else None,
        fixed_cidr=IPv4Network(config.fixed_cidr, strict=False) if config.fixed_cidr else None,
        ipv6=config.ipv6,
        address6=IPv6Interface(config.bip6) if config.bip6 else None,
        fixed_cidr6=IPv6Network(config.fixed_cidr_v6, strict=False) if config.fixed_cidr_v6 else None,
        default_gateway=IPv4Address(config.default_gateway) if config.default_gateway else None,
        default_gateway6=IPv6Address(config.default_gateway_v6) if config.default_gateway_v6 else None,
        mtu=config.mtu,
        inter_container=config.icc,
        masquerade=config.ip_masq,
        firewall=config.iptables,
        firewall6=config.iptables and config.ip6tables,
        forwarding=_forwarding(config),
        published_through=config.firewall,
        publish_address=config.ip,
    )


def _forwarding(config: Config) -> Forwarding:
    if not config.ip_forward:
        return Forwarding.LEFT_ALONE
    return Forwarding.OPEN if config.ip_forward_no_drop else Forwarding.GUARDED
