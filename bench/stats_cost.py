"""What following the usage of many running containers costs the daemon: percent of one core, at a sample a second each.

Run as root: `PYTHONPATH=tests .venv/bin/python bench/stats_cost.py [containers [seconds]]`.
"""

import os
import socket
import sys
import threading
import time
from pathlib import Path

from harness import images
from harness.engine import API
from harness.wharfd import Wharfd

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and all its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def follow(engine: Wharfd, id: str) -> socket.socket:
    connection = engine.connect()
    connection.sendall(f"GET {API}/containers/{id}/stats HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection


def drain(connections: list[socket.socket], counts: list[int]) -> None:
    """Reads what comes until the connections are shut down, in threads of its own, and counts the samples."""

    def read(number: int, connection: socket.socket) -> None:
        while data := connection.recv(1 << 16):
            counts[number] += data.count(b'"preread"')

    for number, connection in enumerate(connections):
        threading.Thread(target=read, args=(number, connection), daemon=True).start()


def measure(engine: Wharfd, containers: int, seconds: float) -> None:
    ids = [engine.docker("run", "-d", "busybox", "sleep", "1000").text for _ in range(containers)]
    idle_from = cpu_seconds(engine.pid)
    time.sleep(seconds)
    idle = cpu_seconds(engine.pid) - idle_from
    connections = [follow(engine, id) for id in ids]
    counts = [0] * containers
    drain(connections, counts)
    time.sleep(3)  # past the first samples, for which files are looked up
    before, samples, start = cpu_seconds(engine.pid), sum(counts), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - start
    used = cpu_seconds(engine.pid) - before
    rate = (sum(counts) - samples) / took
    print(f"{containers} containers, {rate:.0f} samples/s: {100 * used / took:.1f} % of a core ", end="")
    print(f"(idle: {100 * idle / seconds:.1f} %)")
    for connection in connections:
        connection.shutdown(socket.SHUT_RDWR)


def main() -> None:
    containers = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    engine = Wharfd()
    try:
        engine.start()
        engine.docker("load", input=images.busybox())
        measure(engine, containers, seconds)
    finally:
        engine.close()


if __name__ == "__main__":
    main()
