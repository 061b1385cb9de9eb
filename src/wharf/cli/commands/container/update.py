"""`wharf update`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.container import kinds
from wharf.cli.commands.container.options import restart_policy
from wharf.cli.flags import INT, STRING, Flag
from wharf.cli.output import err, out
from wharf.client import archives
from wharf.errors import EngineError, InvalidArgument

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


def run(call: Call) -> int:
    options = call.options
    if not options.given:
        raise InvalidArgument("you must provide one or more flags when using this command")
    wanted = {field: options[flag] for flag, field in FIELDS.items() if flag in options.given}
    if options["restart"]:
        wanted["RestartPolicy"] = restart_policy(options["restart"])
    warnings: list[str] = []
    failed = 0
    for name in call.arguments:
        try:
            warnings += archives.update(call.client, name, wanted)
            out(f"{name}\n")
        except EngineError as error:
            err(f"{error}\n")
            failed = 1
    if warnings:
        err("\n".join(warnings) + "\n")
    return failed


LIMITS = (
    Flag("blkio-weight", "", INT, "Weight of block I/O, 10 to 1000; 0 is off"),
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
    Flag("restart", "", STRING, "What to do when it exits"),
)
COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Change the limits of containers",
    LIMITS,
    least=1,
    most=MANY,
)
