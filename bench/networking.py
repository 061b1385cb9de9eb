"""What networks cost, each on one engine. Times are seconds."""

from bench.measures import timed
from harness.engine import API, Engine

RUNNING, NETWORK = "bench-running", "bench-network"


def prepare(engine: Engine) -> None:
    """A network to run on, and a container that runs elsewhere."""
    engine.docker("network", "create", NETWORK)
    engine.docker("run", "-d", "--name", RUNNING, "busybox", "sleep", "3600")


def create_and_remove(engine: Engine) -> float:
    def life() -> None:
        assert engine.request("POST", f"{API}/networks/create", {"Name": "bench-short"}).status == 201
        assert engine.request("DELETE", f"{API}/networks/bench-short").status == 204

    return timed(life)


def connect_and_leave(engine: Engine) -> float:
    def visit() -> None:
        for verb in ("connect", "disconnect"):
            answer = engine.request("POST", f"{API}/networks/{NETWORK}/{verb}", {"Container": RUNNING})
            assert answer.status == 200, answer.message

    return timed(visit)


def run_with_ports(engine: Engine) -> float:
    options = ("--network", NETWORK, "-p", "18080:80", "-p", "18081:81")
    return timed(lambda: engine.docker("run", "--rm", *options, "busybox", "true"))


def hundred_ports(engine: Engine) -> float:
    """A container's start with 100 published ports, and its end; not its creation."""
    ports = {f"{number}/tcp": [{"HostPort": str(number)}] for number in range(19000, 19100)}
    body = {"Image": "busybox", "Cmd": ["sleep", "3600"], "ExposedPorts": {key: {} for key in ports}}
    body["HostConfig"] = {"PortBindings": ports}
    id = engine.request("POST", f"{API}/containers/create", body).json["Id"]

    def life() -> None:
        assert engine.request("POST", f"{API}/containers/{id}/start").status == 204
        assert engine.request("POST", f"{API}/containers/{id}/kill").status == 204
        assert engine.request("POST", f"{API}/containers/{id}/wait").status == 200

    try:
        return timed(life)
    finally:
        engine.request("DELETE", f"{API}/containers/{id}?force=1")
