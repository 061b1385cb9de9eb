"""Programs drive engines by docker-py and testcontainers: what these ask for, and how they read the answers."""

import io
import os
import tarfile
import threading
from collections.abc import Iterator
from typing import Any

import pytest

docker = pytest.importorskip("docker")

from docker import errors  # noqa: E402
from docker.types import Healthcheck, IPAMConfig, IPAMPool, LogConfig, Mount, Ulimit  # noqa: E402

from harness.engine import wait_until  # noqa: E402
from harness.wharfd import Wharfd  # noqa: E402

IMAGE = "busybox"


@pytest.fixture
def client(wharfd: Wharfd) -> Iterator[Any]:
    made = docker.DockerClient(base_url=f"unix://{wharfd.socket}", timeout=60)
    try:
        yield made
    finally:
        made.close()


def archive(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def test_facts(client: Any) -> None:
    assert client.ping() and client.version()["ApiVersion"] >= "1.44"
    assert client.info()["OSType"] == "linux" and client.df()


def test_runs_and_their_failures(client: Any) -> None:
    run = client.containers.run
    assert run(IMAGE, "echo hi", remove=True) == b"hi\n"
    assert run(IMAGE, ["sh", "-c", "echo e >&2"], remove=True, stdout=False, stderr=True) == b"e\n"
    with pytest.raises(errors.ContainerError) as failed:
        run(IMAGE, ["sh", "-c", "exit 3"], remove=True)
    assert failed.value.exit_status == 3
    with pytest.raises(errors.APIError, match="executable file"):
        run(IMAGE, ["nothing"], remove=True)
    with pytest.raises(errors.ImageNotFound):
        client.images.get("nothing:x")


def test_a_container_and_what_is_done_to_it(client: Any) -> None:
    container = client.containers.run(
        IMAGE,
        "sleep 100",
        detach=True,
        name="library",
        labels={"a": "b"},
        environment={"X": "1"},
        mem_limit="64m",
        ulimits=[Ulimit(name="nofile", soft=100, hard=200)],
        tmpfs={"/t": "size=1m"},
        read_only=True,
        log_config=LogConfig(type="json-file", config={"max-size": "1m"}),
    )
    assert container.exec_run("sh -c 'echo $X; ulimit -n'").output == b"1\n100\n"
    both = container.exec_run(["sh", "-c", "echo o; echo e >&2; exit 4"], demux=True)
    assert (both.exit_code, both.output) == (4, (b"o\n", b"e\n"))
    assert container.stats(stream=False)["memory_stats"]["limit"] == 64 << 20
    container.pause()
    container.reload()
    assert container.status == "paused"
    container.unpause()
    container.update(mem_limit="128m", memswap_limit="256m")
    container.rename("renamed")
    container.reload()
    assert (container.name, container.attrs["HostConfig"]["Memory"]) == ("renamed", 128 << 20)
    assert container.top()["Processes"]
    container.restart(timeout=0)
    container.kill()
    assert container.wait()["StatusCode"] == 137
    container.remove()


def test_archives_and_images(client: Any) -> None:
    container = client.containers.run(IMAGE, "sleep 100", detach=True)
    assert container.put_archive("/tmp", archive("f", b"abc"))
    pieces, stat = container.get_archive("/tmp/f")
    assert stat["size"] == 3 and b"abc" in b"".join(pieces)
    assert {"Path": "/tmp/f", "Kind": 1} in container.diff()
    made = container.commit("library", "1", changes="ENV A=b")
    assert "A=b" in made.attrs["Config"]["Env"]
    assert client.images.load(b"".join(made.save(named=True)))[0].id == made.id
    client.images.remove("library:1")
    client.api.import_image_from_data(archive("f", b"abc"), repository="imported")
    client.images.remove("imported")


def test_streams(client: Any) -> None:
    talking = client.containers.run(IMAGE, ["sh", "-c", "for i in 1 2 3; do echo l$i; sleep 0.1; done"], detach=True)
    assert b"".join(talking.logs(stream=True, follow=True)) == b"l1\nl2\nl3\n"
    assert talking.logs(tail=1) == b"l3\n"
    echo = client.containers.create(IMAGE, "cat", stdin_open=True)
    stream = echo.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    echo.start()
    stream._sock.sendall(b"hey\n")
    stream._sock.shutdown(1)
    received = b""
    while piece := stream._sock.recv(1000):
        received += piece
    assert received.endswith(b"hey\n")
    stream.close()


def test_volumes_networks_health_and_events(client: Any) -> None:
    seen: list[str] = []
    events = client.events(decode=True, filters={"type": "container"})
    reader = threading.Thread(target=lambda: seen.extend(event["Action"] for event in events))
    reader.start()
    volume = client.volumes.create("library", labels={"k": "v"})
    client.containers.run(IMAGE, "sh -c 'echo x > /d/f'", volumes={"library": {"bind": "/d"}}, remove=True)
    mounted = [Mount("/d", "library", read_only=True)]
    assert client.containers.run(IMAGE, "cat /d/f", mounts=mounted, remove=True) == b"x\n"
    volume.remove()
    pool = IPAMPool(subnet="172.28.0.0/16", gateway="172.28.5.254")
    network = client.networks.create("library", ipam=IPAMConfig(pool_configs=[pool]))
    check = Healthcheck(test=["CMD", "true"], interval=200_000_000)
    server = client.containers.run(IMAGE, "sleep 100", detach=True, network="library", name="named", healthcheck=check)
    assert b"172.28." in client.containers.run(IMAGE, "nslookup named", network="library", remove=True)

    def healthy() -> bool:
        server.reload()
        return bool(server.health == "healthy")

    wait_until(healthy, "the container is healthy")
    network.disconnect(server)
    network.remove()
    server.remove(force=True)
    wait_until(lambda: seen.count("destroy") >= 4, "all ends are told")
    events.close()
    reader.join(5)
    assert seen[:4] == ["create", "start", "die", "destroy"]


def test_networks_and_places_in_them(client: Any) -> None:
    pools = [IPAMPool(subnet="172.29.0.0/24", iprange="172.29.0.128/25", aux_addresses={"r": "172.29.0.130"})]
    network = client.networks.create("library", internal=True, labels={"a": "b"}, ipam=IPAMConfig(pool_configs=pools))
    assert network.attrs["Internal"] and client.networks.list(filters={"label": "a=b"}) == [network]
    assert client.networks.list(names=["library"], greedy=True)[0].attrs["Containers"] == {}
    server = client.containers.run(IMAGE, "sleep 100", detach=True, name="named")
    network.connect(server, aliases=["other"], ipv4_address="172.29.0.200", driver_opt={"a": "b"})
    server.reload()
    place = server.attrs["NetworkSettings"]["Networks"]["library"]
    assert (place["IPAddress"], place["Aliases"][0]) == ("172.29.0.200", "other")
    network.reload()
    assert network.containers == [server]
    config = client.api.create_endpoint_config(aliases=["x"], links={"named": "n"})
    made = client.containers.create(IMAGE, "nslookup n", network="library", networking_config={"library": config})
    made.start()
    assert made.wait()["StatusCode"] == 0 and b"172.29.0.200" in made.logs()
    with pytest.raises(errors.APIError, match="has active endpoints"):
        network.remove()
    network.disconnect("named")
    made.remove()
    assert client.networks.prune(filters={"label": "a=b"}) == {"NetworksDeleted": ["library"]}


@pytest.fixture
def core(wharfd: Wharfd, monkeypatch: pytest.MonkeyPatch) -> Any:
    """testcontainers' own module of containers, which speaks to the engine."""
    for name in [name for name in os.environ if name.startswith(("DOCKER_", "TESTCONTAINERS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{wharfd.socket}")
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")  # its reaper is an image of a registry
    return pytest.importorskip("testcontainers.core.container")


def test_testcontainers(core: Any) -> None:
    strategies = pytest.importorskip("testcontainers.core.wait_strategies")
    asked = core.DockerContainer(IMAGE).with_command("sh -c 'echo ready; sleep 100'").with_env("X", "1")
    asked.with_exposed_ports(80).waiting_for(strategies.LogMessageWaitStrategy("ready"))
    with asked as container:
        assert int(container.get_exposed_port(80)) > 0
        assert container.exec(["sh", "-c", "echo $X"]).output == b"1\n"


SERVE = ["sh", "-c", "while :; do echo hello | nc -l -p 80; done"]


def test_networks_of_testcontainers(core: Any, wharfd: Wharfd) -> None:
    networks = pytest.importorskip("testcontainers.core.network")
    hidden = {"internal": True, "labels": {"kind": "hidden"}}
    with networks.Network() as front, networks.Network(docker_network_kw=hidden) as back:
        served = core.DockerContainer(IMAGE, network=front, network_aliases=["web", "api"]).with_command(SERVE)
        with served.with_bind_ports(80, 8095).with_exposed_ports(81) as server, idle(core, front) as client:
            wait_until(lambda: asked(client, "web") == b"hello", "it serves")
            wait_until(lambda: asked(client, "api") == b"hello", "and has another name")
            assert int(server.get_exposed_port(80)) == 8095
            on_host = ("busybox", "nc", "-w", "2", server.get_container_host_ip(), "8095")
            wait_until(lambda: wharfd.inside(*on_host, check=False).strip() == "hello", "its port is published")
            assert 1024 < int(server.get_exposed_port(81)) != 8095
            with idle(core, back) as apart:
                assert asked(apart, "web") == b""
                back.connect(server.get_wrapped_container().id, ["inner"])
                wait_until(lambda: asked(apart, "inner") == b"hello", "it is found under its other name")
                assert asked(client, "inner") == b"", "an alias is of one network"
            assert wharfd.docker("network", "inspect", "-f", "{{.Internal}}", back.id).text == "true"
        assert {front.name, back.name} <= set(wharfd.docker("network", "ls", "--format", "{{.Name}}").text.split())
    assert wharfd.docker("network", "ls", "-q").text.count("\n") == 2, "they go with their blocks"


def idle(core: Any, network: Any) -> Any:
    return core.DockerContainer(IMAGE).with_network(network).with_command("sleep 100")


def asked(client: Any, name: str) -> bytes:
    """What the server of a name answers to a container; nothing where there is no such name."""
    return bytes(client.exec(["sh", "-c", f"nc -w 2 {name} 80 </dev/null 2>/dev/null"]).output).strip()
