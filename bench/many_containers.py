"""A thousand stopped containers: what `ps -a` and the start of a daemon take. `python -m bench.many_containers`."""

import argparse
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bench.measures import timed
from harness import images
from harness.engine import API, Engine
from harness.wharfd import Wharfd

#: Milliseconds.
LIST_TARGET, READY_TARGET = 100, 500


def fill(engine: Engine, count: int) -> None:
    """Makes containers, of which every tenth has run."""

    def make(number: int) -> None:
        body = {"Image": "busybox", "Cmd": ["true"], "Labels": {"number": str(number)}}
        id = engine.request("POST", f"{API}/containers/create?name=box-{number}", body).json["Id"]
        if number % 10 == 0:
            engine.request("POST", f"{API}/containers/{id}/start")
            engine.request("POST", f"{API}/containers/{id}/wait")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(count)))


def report(what: str, target: int, runs: int, measure: Callable[[], float]) -> bool:
    """Prints the median in milliseconds, and says whether it is good enough."""
    found = statistics.median(measure() for _ in range(runs)) * 1000
    print(f"{what:<44}{found:10.1f} ms   ≤ {target:<8}{'met' if found <= target else 'MISSED'}", flush=True)
    return found <= target


def again(engine: Engine, *, killed: bool) -> float:
    if killed:
        engine.kill9()
    else:
        engine.stop()
    return engine.start()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--containers", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    engine = Wharfd()
    try:
        engine.start()
        engine.docker("load", input=images.busybox())
        print(f"{chosen.containers} containers made in {timed(lambda: fill(engine, chosen.containers)):.1f} s")
        listing = f"{API}/containers/json?all=1"
        filtered = f'{listing}&filters={{"label":["number=7"]}}'
        results = [
            report("GET /containers/json?all=1", LIST_TARGET, chosen.runs, lambda: timed(lambda: ask(engine, listing))),
            report("… with a filter", LIST_TARGET, chosen.runs, lambda: timed(lambda: ask(engine, filtered))),
            report("wharf ps -a", LIST_TARGET, chosen.runs, lambda: timed(lambda: engine.wharf("ps", "-a"))),
            report("ready after an orderly end", READY_TARGET, chosen.runs, lambda: again(engine, killed=False)),
            report("ready after kill -9", READY_TARGET, chosen.runs, lambda: again(engine, killed=True)),
        ]
    finally:
        engine.close()
    return 0 if all(results) else 1


def ask(engine: Engine, path: str) -> None:
    assert engine.request("GET", path).status == 200


if __name__ == "__main__":
    sys.exit(main())
