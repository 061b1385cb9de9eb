"""Runs all measures, the two engines in turn so that noise hits both, and prints medians, ratios and targets."""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bench import measures, networking, throughput
from harness import images
from harness.dockerd import Dockerd
from harness.engine import Engine
from harness.registry import Registry
from harness.wharfd import Wharfd

RESULTS = Path(__file__).with_name("results.json")
ADDRESS = "127.0.0.1:5000"


@dataclass(frozen=True)
class Result:
    """`ratio` is ours to theirs; the target says which side of its number is good."""

    what: str
    unit: str
    ours: float
    theirs: float | None
    target: str
    runs: int

    @property
    def ratio(self) -> float | None:
        return self.ours / self.theirs if self.theirs else None

    @property
    def value(self) -> float:
        return self.ours if self.ratio is None else self.ratio

    @property
    def met(self) -> bool:
        sign, number = self.target.split()[:2]
        return self.value <= float(number) if sign == "≤" else self.value >= float(number)


class Bench:
    def __init__(self, wharfd: Wharfd, dockerd: Dockerd, runs: int) -> None:
        self.wharfd, self.dockerd, self.runs = wharfd, dockerd, runs
        self.results: list[Result] = []

    def compare(
        self,
        what: str,
        unit: str,
        target: str,
        measure: Callable[[Engine], float],
        *,
        runs: int = 0,
        scale: float = 1.0,
        theirs: Callable[[Engine], float] | None = None,
    ) -> None:
        count = runs or self.runs
        pairs = [(measure(self.wharfd), (theirs or measure)(self.dockerd)) for _ in range(count)]
        ours, other = (statistics.median(values) * scale for values in zip(*pairs, strict=True))
        self.add(Result(what, unit, ours, other, target, count))

    def add(self, result: Result) -> None:
        self.results.append(result)
        ratio = f"{result.ratio:8.3f}" if result.ratio is not None else " " * 8
        theirs = f"{result.theirs:12.2f}" if result.theirs is not None else " " * 12
        verdict = "met" if result.met else "MISSED"
        print(
            f"{result.what:<44}{result.ours:12.2f}{theirs} {result.unit:<6}{ratio}  {result.target:<8}{verdict}",
            flush=True,
        )


def containers(bench: Bench, _: Path) -> None:
    for engine in (bench.wharfd, bench.dockerd):
        measures.run_true(engine)
    bench.compare("docker run --rm busybox true", "ms", "≤ 0.15", measures.run_true, scale=1000)
    bench.compare("exec", "ms", "≤ 0.5", lambda e: measures.execs(e, 20, at_once=False) / 20, runs=3, scale=1000)
    bench.compare("50 execs at once", "s", "≤ 0.5", lambda e: measures.execs(e, 50, at_once=True), runs=3)
    rate = measures.lives_per_second
    bench.compare("create+start+wait+remove, 4 clients", "1/s", "≥ 10", rate, runs=max(1, bench.runs // 20))


def networks(bench: Bench, _: Path) -> None:
    networking.prepare(bench.wharfd)
    networking.prepare(bench.dockerd)
    compare = bench.compare
    compare("network create+rm", "ms", "≤ 0.3", networking.create_and_remove, scale=1000)
    compare("network connect+disconnect, running container", "ms", "≤ 0.5", networking.connect_and_leave, scale=1000)
    compare("docker run on a network, two ports", "ms", "≤ 0.15", networking.run_with_ports, scale=1000)
    compare("100 ports opened and closed", "ms", "≤ 0.2", networking.hundred_ports, runs=3, scale=1000)


def streams(bench: Bench, directory: Path) -> None:
    program = measures.compiled("stream", directory)
    with throughput.world(bench.wharfd, program) as ours, throughput.world(bench.dockerd, program) as theirs:
        worlds = {bench.wharfd.name: ours, bench.dockerd.name: theirs}
        for what, measure in throughput.STREAMS.items():
            bench.compare(
                f"TCP, {what}", "MB/s", "≥ 0.95",
                lambda engine, how=measure: how(worlds[engine.name]), runs=max(1, bench.runs // 4), scale=1e-6,  # type: ignore[misc]
            )  # fmt: skip


def api(bench: Bench, directory: Path) -> None:
    program = measures.compiled("ping", directory)
    for connections in (1, 32):
        bench.compare(
            f"GET /_ping, {connections} connection(s)", "1/s", "≥ 1.0",
            lambda engine, n=connections: measures.pings_per_second(engine, program, n),  # type: ignore[misc]
        )  # fmt: skip


def volumes(bench: Bench, directory: Path) -> None:
    """What a mount adds to a start is the difference of medians, taken in turn; the list is that of the API."""
    runs = 3 * bench.runs
    rounds = [
        [measures.start(bench.wharfd, *binds) for binds in ((), ("/usr:/m",), ("bench:/m",))] for _ in range(runs)
    ]
    plain, bind, volume = (statistics.median(times) * 1000 for times in zip(*rounds, strict=True))
    bench.add(Result("a bind adds to a start", "ms", bind - plain, None, "≤ 1.0", runs))
    bench.add(Result("a volume adds to a start", "ms", volume - plain, None, "≤ 1.0", runs))
    measures.make_volumes(bench.wharfd, 1000)
    times = [measures.list_volumes(bench.wharfd) for _ in range(bench.runs)]
    bench.add(Result("list of 1,000 volumes", "ms", statistics.median(times) * 1000, None, "≤ 50", bench.runs))
    for name, run in (("wharf", bench.wharfd.wharf), ("docker", bench.wharfd.docker)):
        times = [measures.timed(lambda ask=run: ask("volume", "ls")) for _ in range(bench.runs)]  # type: ignore[misc]
        bench.add(Result(f"{name} volume ls, 1,000", "ms", statistics.median(times) * 1000, None, "≤ 50", bench.runs))
    program = measures.compiled("write", directory)
    writer = measures.writer(bench.wharfd, program)
    pairs = [
        (measures.written_inside(bench.wharfd, writer) / 1e6, measures.written_outside(bench.wharfd, program) / 1e6)
        for _ in range(max(1, bench.runs // 2))
    ]
    bench.wharfd.docker("rm", "-f", writer)
    inside, outside = map(statistics.median, zip(*pairs, strict=True))
    bench.add(Result("writing to a volume : to the host's disk", "MB/s", inside, outside, "≥ 0.95", len(pairs)))


def logs(bench: Bench, _: Path) -> None:
    runs = max(1, bench.runs // 4)
    bench.compare("container log, json-file", "MB/s", "≥ 3", measures.log_bytes_per_second, runs=runs, scale=1e-6)


def memory(bench: Bench, _: Path) -> None:
    bench.compare("daemon memory (RSS)", "MiB", "≤ 0.4", lambda e: float(measures.resident(e)), runs=1, scale=2**-20)
    bench.add(Result("shim memory (PSS)", "MiB", measures.shim_memory(bench.wharfd) / 2**20, None, "≤ 1.0", 10))


def command_line(bench: Bench, _: Path) -> None:
    ours = [measures.wharf_ps(bench.wharfd) for _ in range(2 * bench.runs)]
    theirs = [measures.docker_ps(bench.wharfd) for _ in range(2 * bench.runs)]
    medians = statistics.median(ours) * 1000, statistics.median(theirs) * 1000
    bench.add(Result("wharf ps : docker ps, both on wharfd", "ms", *medians, "≤ 1.5", 2 * bench.runs))


def pulls(bench: Bench, directory: Path) -> None:
    """Each engine has a registry on its own loopback, over the same files."""
    archive = directory / "debian.tar"
    with Registry(bench.wharfd.network, directory, ADDRESS) as registry:
        archive.write_bytes(measures.debian_image(directory, registry.suite()))
        name = registry.push(archive, "debian:bench")
        with Registry(bench.dockerd.network, directory, ADDRESS):
            bench.compare(
                "pull of a Debian image, loopback registry", "s", "≤ 0.6",
                lambda e: measures.pull(e, name), runs=max(1, bench.runs // 4),
            )  # fmt: skip


SECTIONS: dict[str, Callable[[Bench, Path], None]] = {
    "containers": containers,
    "networks": networks,
    "streams": streams,
    "api": api,
    "volumes": volumes,
    "logs": logs,
    "cli": command_line,
    "memory": memory,
    "pulls": pulls,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="repetitions of the short measures")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=", ".join(SECTIONS))
    options = parser.parse_args()
    wharfd, dockerd = Wharfd(), Dockerd()
    dockerd.flags += ["--experimental", "--ip6tables"]  # what newer ones do by themselves
    try:
        for engine in (wharfd, dockerd):
            engine.start()
            engine.docker("load", input=images.busybox())
        print(f"{'':<44}{'wharfd':>12}{'dockerd':>12} {'':<6}{'ratio':>8}  target")
        bench = Bench(wharfd, dockerd, options.runs)
        with tempfile.TemporaryDirectory(prefix="bench-") as found:
            directory = Path(found)
            for name in options.only or SECTIONS:
                SECTIONS[name](bench, directory)
        if not options.only:
            results = [asdict(result) | {"ratio": result.ratio} for result in bench.results]
            RESULTS.write_text(json.dumps(results, indent=1))
    finally:
        dockerd.close()
        wharfd.close()
    return 0 if all(result.met for result in bench.results) else 1


if __name__ == "__main__":
    sys.exit(main())
