"""What a container's shim costs in memory: the proportional set size of the shims of many running containers.

Run as root: `.venv/bin/python bench/shim_memory.py [containers]`.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

from wharf.linux import cgroups
from wharf.linux.mounts import RootMount
from wharf.runtime import records
from wharf.runtime.bundle import BundleSpec
from wharf.runtime.config_json import config_json
from wharf.runtime.contract import Launch, Log, LogFile, LogReceiver
from wharf.runtime.monitor import ShimMonitor, ShimMonitors

CGROUP = f"/wharf-bench-{os.getpid()}"
WRITING = "while :; do echo a line; sleep 0.1; done"
COMMANDS = {"idle": "exec sleep 1000", "writes 10 lines a second": WRITING, "and sends them to syslog": WRITING}
SYSLOG = {"format": "", "facility": 3, "tag": "bench", "hostname": "bench", "counted": False}


def make_root(place: Path) -> None:
    for name in ("bin", "proc", "sys", "dev", "etc", "tmp"):
        (place / "lower" / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", place / "lower/bin/busybox")
    for name in ("sh", "sleep", "true"):
        (place / "lower/bin" / name).symlink_to("busybox")


def launch(place: Path, number: int, *args: str, receiver: LogReceiver | None) -> Launch:
    id = f"bench{number}"
    bundle, own = place / "run" / id, place / "data" / id
    for directory in (bundle, own / "upper", own / "work"):
        directory.mkdir(parents=True)
    spec = BundleSpec(args=args, hostname="bench", cgroups_path=f"{CGROUP}/{id}")
    (bundle / records.CONFIG).write_bytes(config_json(spec))
    return Launch(
        id=id,
        bundle=bundle,
        root=RootMount("overlay", "overlay", "lowerdir=../../lower,upperdir=upper,workdir=work", own),
        runtime="crun",
        log=Log(LogFile(own / "log.json"), receiver),
        cgroups_path=f"{CGROUP}/{id}",
    )


def memory(pid: int) -> dict[str, int]:
    """Kilobytes by kind, as smaps_rollup has them."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, size, *_ = line.split()
        found[name.rstrip(":")] = int(size)
    return found


def report(title: str, shims: list[int]) -> None:
    all = [memory(pid) for pid in shims]
    pss = [one["Pss"] for one in all]
    dirty = [one["Private_Dirty"] for one in all]
    mean, private = sum(pss) / len(pss), sum(dirty) / len(dirty)
    print(f"{title:32} PSS {mean:6.0f} KiB (most {max(pss)}), of that private {private:6.0f} KiB")


async def measure(place: Path, count: int) -> None:
    monitors = ShimMonitors()
    running: list[ShimMonitor] = []
    try:
        for title, command in COMMANDS.items():
            group: list[ShimMonitor] = []
            receiver = LogReceiver("syslog", "udp", "127.0.0.1:9", SYSLOG) if "syslog" in title else None
            for _ in range(count):
                one = await monitors.create(launch(place, len(running), "sh", "-c", command, receiver=receiver))
                running.append(one)
                group.append(one)
                await one.run()
            await asyncio.sleep(1)
            report(title, [one.shim_pid for one in group])
            for one in group:
                stream = await one.attach(stdin=False, stdout=True, stderr=True)
                stream.close()
            await asyncio.sleep(0.3)
            report("  and was attached to once", [one.shim_pid for one in group])
            for one in group:
                await one.signal(9)
                await one.wait()
                one.close()
    finally:
        cgroups.kill(CGROUP)
        for one in running:
            await one.wait()
        await monitors.close()
        cgroups.remove(CGROUP)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as place:
        make_root(Path(place))
        asyncio.run(measure(Path(place), count))


if __name__ == "__main__":
    main()
