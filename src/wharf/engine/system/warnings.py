"""What `docker info` warns about. Pure."""

from collections.abc import Iterator, Mapping

from wharf.linux.cgroup_features import CgroupFeatures


def device_warnings(faults: Mapping[str, str]) -> Iterator[str]:
    """One line for each description of devices that cannot be used; `faults` are by the file's path."""
    for path, fault in faults.items():
        yield f"CDI: Error associated with spec file {path}: {fault}"


def host_warnings(features: CgroupFeatures, *, ipv4_forwarding: bool, firewall: bool) -> Iterator[str]:
    """One line for each limit that this kernel cannot keep, in dockerd's words."""
    missing = {
        "memory limit": features.memory,
        "swap limit": features.swap,
        "cpu cfs quota": features.cpu_quota,
        "cpu shares": features.cpu_shares,
        "cpuset": features.cpuset,
        "pids limit": features.pids,
    }
    if features.version == "1":
        missing["oom kill disable"] = features.oom_kill_disable
    else:
        missing |= {
            "io.weight": features.io_weight,
            "io.weight (per device)": features.io_weight_device,
            "io.max": features.io_limits,
        }
    for name, there in missing.items():
        if not there:
            yield f"WARNING: No {name} support"
    if not ipv4_forwarding:
        yield "WARNING: IPv4 forwarding is disabled"
    if not firewall:
        yield "WARNING: the firewall rules are not ours (iptables=false): published ports do not work"
