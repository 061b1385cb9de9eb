"""The config.json that tells the OCI runtime of a run. Pure.

Its shape is that of the OCI runtime specification 1.0.2, config.md and config-linux.md.
"""

import base64
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from wharf.runtime.bundle import HOST, NEW, BlockLimit, BundleSpec, DeviceRule, Hook, Mount, Namespaces
from wharf.spec.id_mapping import IdRange


def config_json(spec: BundleSpec) -> bytes:
    """The bundle's config.json. Its root is `rootfs` in the bundle, on which the shim mounts the container's root."""
    document: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "process": _process(spec),
        "root": {"path": "rootfs", "readonly": spec.readonly_rootfs},
        "mounts": [_mount(mount) for mount in spec.mounts],
        "linux": _linux(spec),
        "annotations": dict(_annotations(spec)),
    }
    if spec.hooks:
        document["hooks"] = _hooks(spec.hooks)
    if spec.namespaces.uts != HOST:
        document["hostname"] = spec.hostname
        if spec.domainname:
            document["domainname"] = spec.domainname
    return msgspec.json.encode(document)


def _process(spec: BundleSpec) -> dict[str, Any]:
    # What execve would do when it leaves root; the runtime keeps what it is given.
    usable = spec.capabilities if spec.uid == 0 else ()
    process: dict[str, Any] = {
        "args": spec.args,
        "env": spec.env,
        "cwd": spec.cwd,
        "user": {"uid": spec.uid, "gid": spec.gid, "additionalGids": spec.additional_gids} | _given(umask=spec.umask),
        "terminal": spec.tty,
        "capabilities": {"bounding": spec.capabilities, "effective": usable, "permitted": usable},
        "noNewPrivileges": spec.no_new_privileges,
        "rlimits": [{"type": one.name, "soft": _rlimit(one.soft), "hard": _rlimit(one.hard)} for one in spec.rlimits],
    }
    if spec.tty and all(spec.console_size):
        process["consoleSize"] = {"height": spec.console_size[0], "width": spec.console_size[1]}
    if spec.oom_score_adj is not None:
        process["oomScoreAdj"] = spec.oom_score_adj
    if spec.apparmor_profile:
        process["apparmorProfile"] = spec.apparmor_profile
    return process


def _hooks(hooks: tuple[Hook, ...]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for hook in hooks:
        entry = _given(path=hook.path, args=hook.args or None, env=hook.env or None, timeout=hook.timeout)
        found.setdefault(hook.point, []).append(entry)
    return found


def _rlimit(value: int) -> int:
    # RLIM_INFINITY as the unsigned number that both runtimes read.
    return value if value >= 0 else 2**64 - 1


def _mount(mount: Mount) -> dict[str, Any]:
    return {
        "destination": mount.destination,
        "type": mount.type,
        "source": mount.source,
        "options": mount.options,
    }


def _annotations(spec: BundleSpec) -> Iterator[tuple[str, str]]:
    yield from spec.annotations.items()
    if spec.seccomp_bpf:
        yield "run.oci.seccomp_bpf_data", base64.b64encode(spec.seccomp_bpf).decode()


def _linux(spec: BundleSpec) -> dict[str, Any]:
    linux: dict[str, Any] = {
        "namespaces": list(_namespaces(spec.namespaces)),
        "resources": _resources(spec),
        "maskedPaths": spec.masked_paths,
        "readonlyPaths": spec.readonly_paths,
        "sysctl": dict(spec.sysctls),
        "devices": [
            {
                "path": device.path,
                "type": device.type,
                "major": device.major,
                "minor": device.minor,
                "fileMode": device.mode,
                "uid": device.uid,
                "gid": device.gid,
            }
            for device in spec.devices
        ],
    }
    if spec.id_mapping is not None:
        linux["uidMappings"] = _id_ranges(spec.id_mapping.uids)
        linux["gidMappings"] = _id_ranges(spec.id_mapping.gids)
    if spec.cgroups_path:
        linux["cgroupsPath"] = spec.cgroups_path
    if spec.intel_rdt is not None:
        linux["intelRdt"] = spec.intel_rdt
    if spec.rootfs_propagation:
        linux["rootfsPropagation"] = spec.rootfs_propagation
    if spec.seccomp is not None and not spec.seccomp_bpf:
        linux["seccomp"] = spec.seccomp
    return linux


def _id_ranges(ranges: Iterable[IdRange]) -> list[dict[str, int]]:
    return [{"containerID": one.container, "hostID": one.host, "size": one.size} for one in ranges]


def _namespaces(namespaces: Namespaces) -> Iterator[dict[str, str]]:
    yield {"type": "mount"}
    for kind in ("user", "network", "pid", "ipc", "uts", "cgroup"):
        where = getattr(namespaces, kind)
        if where == NEW:
            yield {"type": kind}
        elif where != HOST:
            yield {"type": kind, "path": where}


def _resources(spec: BundleSpec) -> dict[str, Any]:
    limits = spec.resources
    memory = _given(
        limit=limits.memory,
        swap=limits.memory_swap,
        reservation=limits.memory_reservation,
        swappiness=limits.memory_swappiness,
        disableOOMKiller=limits.oom_kill_disable or None,
    )
    cpu = _given(
        shares=limits.cpu_shares,
        quota=limits.cpu_quota,
        period=limits.cpu_period,
        realtimePeriod=limits.cpu_realtime_period,
        realtimeRuntime=limits.cpu_realtime_runtime,
        cpus=limits.cpuset_cpus or None,
        mems=limits.cpuset_mems or None,
    )
    block = _given(
        weight=limits.blkio_weight,
        weightDevice=_blocks(limits.blkio_weight_device, "weight"),
        throttleReadBpsDevice=_blocks(limits.read_bps, "rate"),
        throttleWriteBpsDevice=_blocks(limits.write_bps, "rate"),
        throttleReadIOPSDevice=_blocks(limits.read_iops, "rate"),
        throttleWriteIOPSDevice=_blocks(limits.write_iops, "rate"),
    )
    pids = None if limits.pids is None else {"limit": limits.pids}
    rules = [_rule(rule) for rule in spec.device_rules]
    return _given(devices=rules, memory=memory or None, cpu=cpu or None, blockIO=block or None, pids=pids)


def _rule(rule: DeviceRule) -> dict[str, Any]:
    numbers = _given(major=rule.major, minor=rule.minor)
    return {"allow": rule.allow, "type": rule.type, "access": rule.access} | numbers


def _blocks(limits: tuple[BlockLimit, ...], name: str) -> list[dict[str, int]] | None:
    return [{"major": one.major, "minor": one.minor, name: one.value} for one in limits] or None


def _given(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
