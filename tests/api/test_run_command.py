"""`wharf container command`: what it prints makes the same container, with our engine and with dockerd."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.dockerd import Dockerd
from harness.engine import Engine
from harness.wharfd import Wharfd

WHARF = str(Path(sys.executable).parent / "wharf")
DOCKERFILE = [
    *('ENTRYPOINT ["sh", "-c"]', 'CMD ["sleep 600"]', "ENV MODE='a b'", "EXPOSE 80", "USER 1:1", "WORKDIR /tmp"),
    *("LABEL from=image", "VOLUME /data"),
]
OPTIONS = [
    [],
    ["-it", "-e", "QUOTE='\"$x *", "-l", "from=me", "--user", "0", "--hostname", "h"],
    ["-p", "8080:80", "-p", "127.0.0.1::53/udp", "--expose", "99", "-P", "--add-host", "a:1.2.3.4", "--dns", "1.1.1.1"],
    ["-v", "/own", "-v", "/etc:/host:ro", "-v", "named:/named", "--tmpfs", "/t:size=1m"],
    ["--mount", "type=tmpfs,target=/m,tmpfs-size=1m", "--mount", "type=volume,source=v2,target=/v,volume-nocopy"],
    ["-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "--ulimit", "nofile=100:200", "--cpu-shares", "512"],
    ["--cap-add", "SYS_TIME", "--cap-drop", "CHOWN", "--security-opt", "no-new-privileges", "--read-only", "--init"],
    ["--network", "n1", "--network-alias", "al", "--ip", "172.31.5.9", "--mac-address", "02:42:00:00:00:09"],
    ["--network", "n1", "--link", "linked:other"],
    ["--network", "none", "--pid", "host", "--uts", "host", "--oom-score-adj", "100", "--group-add", "7"],
    ["--restart", "on-failure:2", "--health-cmd", "true", "--health-interval", "90s", "--stop-timeout", "1"],
    ["--log-opt", "max-size=1m", "--sysctl", "net.ipv4.ip_forward=1", "--device", "/dev/null:/dev/x:r"],
    ["--entrypoint", "sleep", "--workdir", "/", "--shm-size", "1m", "--privileged"],
]
#: Members of an answer that are new with every container.
OWN = ("Id", "Created", "Name", "State", "GraphDriver", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath")


def described(engine: Engine, name: str) -> Any:
    """What inspect says, without what is a container's own."""
    found = json.loads(engine.docker("inspect", name).out)[0]
    text = json.dumps({member: value for member, value in found.items() if member not in OWN})
    document = json.loads(text.replace(found["Id"], "ID").replace(found["Id"][:12], "ID"))
    document["Config"]["Env"].sort()
    networks = document["NetworkSettings"]["Networks"]
    document["NetworkSettings"] = {
        name: (one["IPAMConfig"], one["Aliases"], one["Links"]) for name, one in networks.items()
    }
    for mount in document["Mounts"]:
        if len(mount.get("Name", "")) == 64:
            mount["Name"] = mount["Source"] = "anonymous"
    document["Mounts"].sort(key=lambda mount: str(mount["Destination"]))
    return document


def printed_again(engine: Engine, options: list[str], number: int) -> None:
    first, second = f"first{number}", f"second{number}"
    command = ["600"] if "--entrypoint" in options else []
    engine.docker("run", "-d", "--name", first, *options, "rich", *command, program=WHARF)
    before = described(engine, first)
    line = engine.docker("container", "command", first, program=WHARF)
    assert line.error == ""
    words = shlex.split(line.text)
    assert words[:4] == ["wharf", "run", "--name", first]
    engine.docker("rm", "-fv", first)
    # As a user would have it: by a shell.
    again = shlex.join([WHARF, "run", "--name", second]) + " " + line.text.partition(f" --name {first} ")[2]
    ran = subprocess.run(["sh", "-c", again], env=engine.environment, capture_output=True, timeout=30, check=False)
    assert ran.returncode == 0, ran.stderr
    assert described(engine, second) == before, line.text
    engine.docker("rm", "-fv", second)


def all_again(engine: Engine, tried: list[list[str]]) -> None:
    engine.docker("create", "--name", "base", "busybox", "true")
    changes = [word for line in DOCKERFILE for word in ("--change", line)]
    engine.docker("commit", *changes, "base", "rich")
    engine.docker("network", "create", "--subnet", "172.31.0.0/16", "n1")
    try:
        engine.docker("run", "-d", "--name", "linked", "--network", "n1", "busybox", "sleep", "600")
        for number, options in enumerate(tried):
            printed_again(engine, options, number)
        plain = engine.docker("run", "-d", "--name", "plain", "rich", program=WHARF)
        assert plain.code == 0
        line = engine.docker("container", "command", "plain", program=WHARF).text
        assert line == "wharf run --name plain --detach rich"
    finally:
        engine.remove_all()
        engine.docker("network", "rm", "n1")
        engine.docker("rmi", "-f", "rich")
        engine.docker("volume", "rm", "-f", "named", "v2")


def test_with_our_engine(wharfd: Wharfd) -> None:
    all_again(wharfd, OPTIONS)
    missing = wharfd.wharf("container", "command", "none", check=False)
    assert (missing.code, "No such container: none" in missing.error) == (1, True)


@pytest.mark.peer
def test_with_dockerd(dockerd: Dockerd) -> None:
    all_again(dockerd, OPTIONS[1::2])
