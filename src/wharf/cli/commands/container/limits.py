"""The limits that `run`, `create`, `update` and `edit` take: their flags, and the fields that these are."""

from wharf.cli.commands.container import kinds
from wharf.cli.flags import INT, STRING, Flag

FLAGS = (
    Flag("blkio-weight", "", kinds.WEIGHT, "Weight of block I/O, 10 to 1000; 0 is off"),
    Flag("cpu-period", "", INT, "Period of the CPU quota, in microseconds"),
    Flag("cpu-quota", "", INT, "CPU time in a period, in microseconds"),
    Flag("cpu-rt-period", "", INT, "Period of the real-time quota, in microseconds"),
    Flag("cpu-rt-runtime", "", INT, "Real-time CPU time in a period, in microseconds"),
    Flag("cpu-shares", "c", INT, "CPU weight"),
    Flag("cpus", "", kinds.CPUS, "Number of CPUs"),
    Flag("cpuset-cpus", "", STRING, "CPUs to run on (0-3, 0,1)"),
    Flag("cpuset-mems", "", STRING, "Memory nodes to use (0-3, 0,1)"),
    Flag("memory", "m", kinds.BYTES, "Memory limit"),
    Flag("memory-reservation", "", kinds.BYTES, "Memory to be left with when memory is short"),
    Flag("memory-swap", "", kinds.SWAP, "Limit of memory and swap together; -1 for no limit"),
    Flag("pids-limit", "", INT, "Most processes; -1 for no limit"),
)
FIELDS = {
    "blkio-weight": "BlkioWeight",
    "cpu-period": "CpuPeriod",
    "cpu-quota": "CpuQuota",
    "cpu-rt-period": "CpuRealtimePeriod",
    "cpu-rt-runtime": "CpuRealtimeRuntime",
    "cpu-shares": "CpuShares",
    "cpus": "NanoCpus",
    "cpuset-cpus": "CpusetCpus",
    "cpuset-mems": "CpusetMems",
    "memory": "Memory",
    "memory-reservation": "MemoryReservation",
    "memory-swap": "MemorySwap",
    "pids-limit": "PidsLimit",
}
