"""How fast bytes get through an engine's bridge: one TCP stream, counted by who receives it. Bytes a second."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.engine import Engine, wait_until
from harness.outside import HOST, HOST6, Outside

NETWORK, PORT, PUBLISHED = "bench-stream", 5201, 15201
SUBNETS = ("--subnet", "10.99.0.0/24", "--ipv6", "--subnet", "fd00:99::/64")
SECONDS = 1.0


@dataclass(frozen=True)
class World:
    """An engine with a container that receives, one that sends, and a host outside."""

    engine: Engine
    program: Path
    outside: Outside
    addresses: tuple[str, str]  # of the container that receives: IPv4 and IPv6
    host: tuple[str, str]  # the engine's host, where a receiver listens, too

    def from_host(self, address: str) -> float:
        return float(self.engine.inside(str(self.program), "send", address, str(PORT), str(SECONDS)))

    def from_container(self, address: str) -> float:
        sent = self.engine.docker("exec", "bench-sender", "/stream", "send", address, str(PORT), str(SECONDS))
        return float(sent.text)

    def from_outside(self, address: str) -> float:
        command = ["nsenter", f"--net={self.outside.namespace}", str(self.program)]
        done = subprocess.run(
            [*command, "send", address, str(PUBLISHED), str(SECONDS)], capture_output=True, text=True, check=True
        )
        return float(done.stdout)


#: What is measured, by its name.
STREAMS: dict[str, Callable[[World], float]] = {
    "host to container": lambda world: world.from_host(world.addresses[0]),
    "host to container, IPv6": lambda world: world.from_host(world.addresses[1]),
    "container to host": lambda world: world.from_container(world.host[0]),
    "container to host, IPv6": lambda world: world.from_container(world.host[1]),
    "container to container": lambda world: world.from_container(world.addresses[0]),
    "container to container, IPv6": lambda world: world.from_container(world.addresses[1]),
    "outside to a published port": lambda world: world.from_outside(HOST),
    "outside to a published port, IPv6": lambda world: world.from_outside(HOST6),
}


@contextmanager
def world(engine: Engine, program: Path) -> Iterator[World]:
    """Made on the engine, and taken down afterwards."""
    engine.docker("network", "create", *SUBNETS, NETWORK)
    mounted = ("-v", f"{program}:/stream:ro", "--network", NETWORK)
    published = ("-p", f"{PUBLISHED}:{PORT}")
    engine.docker("run", "-d", "--name", "bench-sender", *mounted, "busybox", "sleep", "3600")
    engine.docker(
        "run", "-d", "--name", "bench-receiver", *mounted, *published, "busybox", "/stream", "serve", str(PORT)
    )
    ends = engine.inspect("bench-receiver")["NetworkSettings"]["Networks"][NETWORK]
    listening = subprocess.Popen(engine.network.command([str(program), "serve", str(PORT)]))
    try:
        with Outside(engine) as outside:
            found = World(
                engine,
                program,
                outside,
                (ends["IPAddress"], ends["GlobalIPv6Address"]),
                (ends["Gateway"], "fd00:99::1"),
            )
            wait_until(lambda: listens(found), "receivers listen")
            yield found
    finally:
        listening.kill()
        listening.wait()
        engine.docker("rm", "-f", "bench-sender", "bench-receiver")
        engine.docker("network", "rm", NETWORK)


def listens(world: World) -> bool:
    wanted = f":{PORT} "
    both = (world.engine.inside("ss", "-Htln"), world.engine.docker("exec", "bench-receiver", "netstat", "-tln").text)
    return all(wanted in text for text in both)
