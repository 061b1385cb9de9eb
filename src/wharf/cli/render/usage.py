"""One line of `stats`: what lies between two samples of a container's counters. Pure."""

from wharf.cli.render.values import binary_size, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Sample = dict[str, Any]

NOTHING = "--"


def cpu_percent(sample: "Sample") -> float:
    """Of one CPU: a container that keeps two busy has 200."""
    now, before = sample["cpu_stats"], sample.get("precpu_stats") or {}
    used = now["cpu_usage"]["total_usage"] - before.get("cpu_usage", {}).get("total_usage", 0)
    passed = now.get("system_cpu_usage", 0) - before.get("system_cpu_usage", 0)
    cpus = now.get("online_cpus") or len(now["cpu_usage"].get("percpu_usage") or ()) or 1
    return used / passed * cpus * 100.0 if passed > 0 and used > 0 else 0.0


def memory_used(memory: "Sample") -> int:
    """Bytes without what the kernel would drop first: the inactive part of its cache of files."""
    usage, details = memory.get("usage", 0), memory.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    return int(usage - cache if cache < usage else usage)


def network_bytes(sample: "Sample") -> tuple[int, int]:
    networks = (sample.get("networks") or {}).values()
    return sum(one["rx_bytes"] for one in networks), sum(one["tx_bytes"] for one in networks)


def block_bytes(sample: "Sample") -> tuple[int, int]:
    entries = (sample.get("blkio_stats") or {}).get("io_service_bytes_recursive") or []
    read = sum(one["value"] for one in entries if one["op"][:1] in "rR")
    return read, sum(one["value"] for one in entries if one["op"][:1] in "wW")


def memory_text(sample: "Sample | None") -> str:
    if sample is None:
        return f"{NOTHING} / {NOTHING}"
    memory = sample["memory_stats"]
    return f"{binary_size(memory_used(memory))} / {binary_size(memory.get('limit', 0))}"


def memory_percent(sample: "Sample | None") -> str:
    if sample is None:
        return NOTHING
    memory = sample["memory_stats"]
    limit = memory.get("limit", 0)
    return f"{memory_used(memory) / limit * 100 if limit else 0:.2f}%"


def pair_text(pair: "tuple[int, int] | None") -> str:
    return " / ".join(size(value, 3) for value in pair) if pair is not None else NOTHING


def cpu_text(sample: "Sample | None") -> str:
    return NOTHING if sample is None else f"{cpu_percent(sample):.2f}%"
