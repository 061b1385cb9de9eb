"""Hundreds of containers on one network that find one another. `python -m bench.many_on_a_network`."""

import argparse
import random
import socket
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import dns.message

from bench.measures import timed
from harness import images
from harness.engine import API, Engine
from harness.outside import socket_in
from harness.wharfd import Wharfd

NETWORK = "bench-many"
#: How many times longer the last starts may take than the first ones.
SLOWER = 1.5
#: Milliseconds for a name, with all containers there.
ANSWER = 5.0


def start(engine: Engine, number: int) -> float:
    """Seconds to create and start one."""

    def life() -> None:
        body = {"Image": "busybox", "Cmd": ["sleep", "3600"], "HostConfig": {"NetworkMode": NETWORK}}
        id = engine.request("POST", f"{API}/containers/create?name=many-{number}", body).json["Id"]
        answer = engine.request("POST", f"{API}/containers/{id}/start")
        assert answer.status == 204, answer.message

    return timed(life)


def resolve(engine: Engine, asking: int, name: str, *, patience: float = 1.0) -> tuple[float, str]:
    """Seconds for the answer to a question from inside a container, and the address in it."""
    query = dns.message.make_query(name, "A").to_wire()
    inside = Path(f"/proc/{engine.state(f'many-{asking}')['Pid']}/ns/net")
    with socket_in(inside, socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(patience)
        began = time.perf_counter()
        client.sendto(query, ("127.0.0.11", 53))
        reply = dns.message.from_wire(client.recv(4096))
        taken = time.perf_counter() - began
    return taken, str(reply.answer[0][0])


def memory(engine: Engine) -> float:
    """MiB of the daemon alone, as the kernel shares it out."""
    text = Path(f"/proc/{engine.pid}/smaps_rollup").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1]) / 1024


def address(engine: Engine, number: int) -> str:
    networks = engine.inspect(f"many-{number}")["NetworkSettings"]["Networks"]
    return str(networks[NETWORK]["IPAddress"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--containers", type=int, default=500)
    parser.add_argument("--questions", type=int, default=200)
    chosen = parser.parse_args()
    engine = Wharfd()
    try:
        engine.start()
        engine.docker("load", input=images.busybox())
        engine.docker("network", "create", NETWORK)
        before = memory(engine)
        starts = [start(engine, number) for number in range(chosen.containers)]
        first, last = (statistics.median(some) * 1000 for some in (starts[5:45], starts[-40:]))
        print(f"{len(starts)} starts in {sum(starts):.1f} s: {first:.1f} ms each at first, {last:.1f} ms at last")
        print(f"memory of the daemon: {before:.1f} MiB without, {memory(engine):.1f} MiB with all of them")
        results = [last <= first * SLOWER, questions(engine, chosen.containers, chosen.questions)]
        print(f"ready after kill -9: {again(engine):.2f} s")
        later = timed(lambda: wait_for_names(engine, chosen.containers))
        print(f"the last container's names: {later:.2f} s later")
        results.append(questions(engine, chosen.containers, chosen.questions))
        with ThreadPoolExecutor(4) as pool:
            ends = timed(lambda: list(pool.map(lambda number: remove(engine, number), range(chosen.containers))))
        print(f"all removed in {ends:.1f} s")
    finally:
        engine.close()
    return 0 if all(results) else 1


def questions(engine: Engine, containers: int, count: int) -> bool:
    """Random containers ask for random others; whether all answers are right and came in time."""
    taken = []
    for _ in range(count):
        asking, wanted = random.randrange(containers), random.randrange(containers)
        seconds, found = resolve(engine, asking, f"many-{wanted}")
        assert found == address(engine, wanted), (wanted, found)
        taken.append(seconds * 1000)
    median = statistics.median(taken)
    print(f"{count} names: {median:.2f} ms each, {max(taken):.2f} ms at most{'' if median <= ANSWER else '  MISSED'}")
    return median <= ANSWER


def again(engine: Engine) -> float:
    engine.kill9()
    return engine.start()


def wait_for_names(engine: Engine, containers: int) -> None:
    """Until all are answered. They ask again and again, as resolvers do, though sooner."""
    for number in range(containers):
        while True:
            try:
                resolve(engine, number, "many-0", patience=0.05)
                break
            except TimeoutError:
                pass


def remove(engine: Engine, number: int) -> None:
    assert engine.request("DELETE", f"{API}/containers/many-{number}?force=1").status == 204


if __name__ == "__main__":
    sys.exit(main())
