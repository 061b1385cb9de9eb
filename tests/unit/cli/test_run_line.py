"""The printed `run` command, read by our own command line, asks for the same container."""

import json
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.api.compat import shaped
from wharf.api.decode import decode_create
from wharf.apitypes import durations
from wharf.apitypes.containers import (
    ContainerConfig,
    ContainerInspect,
    ContainerState,
    HostConfig,
    NetworkingConfig,
    NetworkSettings,
)
from wharf.cli.commands.container import spelling
from wharf.cli.commands.container.flags import FLAGS
from wharf.cli.commands.container.kinds import read_bytes, read_cpus
from wharf.cli.commands.container.options import create_body
from wharf.cli.commands.container.run import COMMAND
from wharf.cli.commands.container.run_line import Facts, run_words
from wharf.cli.flags import parse
from wharf.engine.containers import creation
from wharf.engine.networks import attachments
from wharf.spec.image_config import Healthcheck, RunConfig

ID = "0123456789ab" + "c" * 52
INFO = {
    "Name": "host",
    "DefaultRuntime": "crun",
    "CgroupVersion": "1",
    "LoggingDriver": "json-file",
    "LoggingOptions": {"max-size": "20m", "max-file": "5"},
}
IMAGES = [
    RunConfig(cmd=["sh"], env=["PATH=/bin"]),
    RunConfig(
        entrypoint=["/entry", "--flag"],
        cmd=["serve"],
        env=["PATH=/bin", "MODE=a b"],
        exposed_ports={"80/tcp": {}},
        volumes={"/data": {}},
        user="app",
        working_dir="/srv",
        labels={"from": "image"},
        stop_signal="SIGINT",
        healthcheck=Healthcheck(test=["CMD-SHELL", "check"], interval=10**9, retries=2),
    ),
    RunConfig(entrypoint=["/only"], env=["PATH=/bin"]),
]
#: Beside what was recorded from docker's own command line.
MORE = [
    ["--entrypoint", "", "busybox", "x"],
    ["--entrypoint", "/mine", "busybox"],
    ["--entrypoint", "/entry", "busybox", "a", "it's b", ""],
    ["-d", "busybox"],
    ["-d", "-it", "busybox"],
    ["-a", "stderr", "busybox"],
    ["-e", "MODE=a b", "-e", "QUOTE='\"$x\n", "busybox"],
    ["-l", "from=me", "-l", "empty", "busybox"],
    ["-v", "/data", "-v", "/own", "-v", "vol:/data/x:ro", "busybox"],
    ["--mount", 'type=volume,source=v,target=/t,"volume-opt=o=a,b"', "busybox"],
    ["--mount", "type=bind,source=/a,target=/b,idmap=0:1000:1", "busybox"],
    ["--no-healthcheck", "busybox"],
    ["--health-cmd", "x || exit 1", "--health-interval", "90s", "--health-retries", "7", "busybox"],
    ["--health-timeout", "1500ms", "--health-start-period", "1h", "--health-start-interval", "1us", "busybox"],
    ["--expose", "80", "--expose", "99/udp", "busybox"],
    ["-p", "[::1]:1:2", "-p", "3:4/udp", "-p", "5-6:7", "busybox"],
    ["-m", "64m", "busybox"],
    ["-m", "64m", "--memory-swap", "64m", "busybox"],
    ["--restart", "on-failure:3", "busybox"],
    ["--restart", "always", "busybox"],
    ["--rm", "--init", "busybox"],
    ["--init=false", "busybox"],
    ["--log-opt", "max-size=1m", "busybox"],
    ["--log-driver", "none", "busybox"],
    ["--log-driver", "local", "--log-opt", "max-file=3", "busybox"],
    ["--security-opt", "systempaths=unconfined", "--security-opt", "no-new-privileges", "busybox"],
    ["--privileged", "busybox"],
    ["--hostname", "h", "--domainname", "d", "busybox"],
    ["--stop-signal", "SIGINT", "--stop-timeout", "0", "busybox"],
    ["--umask", "0027", "--annotation", "a=b=c", "busybox"],
    ["--network", "name=n1,alias=x,ip=1.2.3.4", "--network", "name=n2,gw-priority=5,driver-opt=a=b", "busybox"],
    ["--gpus", "all", "busybox"],
    ["--gpus", '"device=0,1",capabilities=compute', "busybox"],
    ["--shm-size", "65m", "--ulimit", "core=-1", "--pids-limit", "5", "busybox"],
    ["--health-cmd", "true", "--health-on-failure", "kill", "busybox"],
    ["--link", "other", "--link", "other:alias", "busybox"],
    ["--mac-address", "02:42:00:00:00:01", "busybox"],
    ["--runtime", "runc", "busybox"],
    ["--firewall", "host", "-p", "published=127.0.0.1:80,target=8080,firewall=own", "busybox"],
    ["-p", "target=8080,protocol=udp,firewall=host", "busybox"],
    ["--cpu-rt-period", "10000", "--cpu-rt-runtime", "5000", "busybox"],
    ["--device-read-iops", "/dev/sda:7", "--device-write-bps", "/dev/sda:1500", "busybox"],
    ["--group-add", "a b", "--sysctl", "net.x=1 2", "--dns-opt", "ndots:5", "busybox"],
]
RECORDED = [
    case["args"]
    for case in json.loads(Path(__file__).with_name("create_requests.json").read_text())
    if "body" in case and "busybox" in case["args"] and not any("{dir}" in word for word in case["args"])
]
#: What no container tells of: flags that are the client's work, files, and what only other systems have.
UNTOLD = {"--cidfile", "--security-opt", "--isolation"}
CASES = [args for args in RECORDED if not UNTOLD.intersection(args) and args[:2] != ["--entrypoint", ""]] + MORE


#: Flags that are the client's work, or that only other systems have, and an old name for another.
NO_MEMBERS = frozenset(
    """
    cidfile cpu-count cpu-percent disable-content-trust env-file io-maxbandwidth io-maxiops isolation kernel-memory
    label-file net-alias quiet
    """.split()
)


def test_every_flag_is_tried() -> None:
    """A new flag needs a line in MORE, and perhaps a row or a word in run_line, which says it."""
    seen = {word.partition("=")[0] for words in CASES for word in words if word.startswith("-")}
    untried = [flag.name for flag in FLAGS if not seen & {f"--{flag.name}", f"-{flag.short}"}]
    assert set(untried) <= NO_MEMBERS


def inspected(words: list[str], image: RunConfig) -> Any:
    """What an engine says of a container that was made by `run WORDS`."""
    options, (name, *command) = parse(COMMAND.flags, words, anywhere=False)
    config, host, networking = decode_create(create_body(options, name, command))
    config = creation.merge(config, image)
    placed = attachments.normalised(host.network_mode, networking, str)
    found = ContainerInspect(
        id=ID,
        name=f"/{options['name'] or 'box'}",
        created="",
        path="",
        args=[],
        image="sha256:0",
        state=ContainerState(status="created"),
        config=_with_hostname(config, host),
        host_config=_with_defaults(host),
        network_settings=NetworkSettings(networks=_settings(placed)),
    )
    return msgspec.to_builtins(shaped(found, 47))


def _with_hostname(config: ContainerConfig, host: HostConfig) -> ContainerConfig:
    if config.hostname:
        return config
    return msgspec.structs.replace(config, hostname="host" if host.network_mode == "host" else ID[:12])


def _with_defaults(host: HostConfig) -> HostConfig:
    log = host.log_config
    usual: dict[str, str] = INFO["LoggingOptions"] if log.type in ("", "json-file") else {}  # type: ignore[assignment]
    return msgspec.structs.replace(
        host,
        network_mode=host.network_mode or "default",
        ipc_mode=host.ipc_mode or "private",
        cgroupns_mode=host.cgroupns_mode or "host",
        runtime=host.runtime or "crun",
        shm_size=host.shm_size or 64 << 20,
        memory_swap=host.memory_swap or 2 * host.memory,
        memory_swappiness=None if host.memory_swappiness == -1 else host.memory_swappiness,
        log_config=msgspec.structs.replace(log, type=log.type or "json-file", config={**usual, **log.config}),
        restart_policy=msgspec.structs.replace(host.restart_policy, name=host.restart_policy.name or "no"),
        **creation.hidden_paths(host),
    )


def _settings(placed: NetworkingConfig) -> Any:
    return dict(placed.endpoints_config)


def comparable(found: Any) -> Any:
    """Without what means nothing: the order of variables, and which words of argv are the entry point's."""
    config, host = found["Config"], found["HostConfig"]
    if host["Privileged"]:  # no paths are hidden from it, whether it asks for that or not
        host["MaskedPaths"] = host["ReadonlyPaths"] = None
    if host["NetworkMode"] in ("host", "none"):  # where nothing can be asked for
        found["NetworkSettings"]["Networks"] = None
    config["Env"] = sorted(config["Env"])
    config["argv"] = [*(config.pop("Entrypoint") or ()), *(config.pop("Cmd") or ())]
    return found


def image_inspected(image: RunConfig) -> Any:
    return {"Config": msgspec.json.decode(msgspec.json.encode(image))}


def check(words: list[str], image: RunConfig) -> None:
    before = inspected(words, image)
    said, unsaid = run_words(before, image_inspected(image), Facts(INFO))
    assert not unsaid
    line = shlex.join(said)
    assert comparable(inspected(shlex.split(line), image)) == comparable(before), line


@pytest.mark.parametrize("image", IMAGES, ids=["plain", "rich", "entry"])
@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_what_is_printed_makes_the_same_container(words: list[str], image: RunConfig) -> None:
    check(words, image)


#: Flags that go with one another, each with its value.
MIXED = [args[:-1] for args in CASES if args[-1] == "busybox" and "container:c1" not in args]


@given(
    st.lists(st.sampled_from(range(len(MIXED))), max_size=6, unique=True),
    st.sampled_from(IMAGES),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), max_size=3),
    st.dictionaries(st.from_regex(r"[A-Z_]{1,6}", fullmatch=True), st.text(st.characters(codec="utf-8"), max_size=8)),
)
def test_also_of_many_options(
    chosen: list[int], image: RunConfig, command: list[str], variables: dict[str, str]
) -> None:
    words = [word for index in chosen for word in MIXED[index]]
    words += [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
    words += ["-l", *(f"{name.lower()}={value}" for name, value in [*variables.items()][:1] or [("a", "b")])]
    try:
        inspected([*words, "busybox", *command], image)
    except Exception as refused:
        assert str(refused)  # options that do not go together
        return
    check([*words, "busybox", *command], image)


def test_only_what_differs_is_said() -> None:
    for image in IMAGES:
        found = inspected(["busybox"], image)
        assert run_words(found, image_inspected(image), Facts(INFO))[0] == ["--name", "box", "busybox"]


def test_what_no_flag_says_is_told() -> None:
    found = inspected(["--security-opt", "no-new-privileges", "busybox"], IMAGES[0])
    found["HostConfig"]["SecurityOpt"].append('seccomp={"defaultAction":"x"}')
    found["HostConfig"]["Novelty"] = 7
    found["Config"]["Healthcheck"] = {"Test": ["CMD", "a", "b"]}
    words, unsaid = run_words(found, {}, Facts(INFO))
    assert [text.split()[0] for text in unsaid] == [
        *("Config.Healthcheck.Test", "HostConfig.SecurityOpt", "HostConfig.Novelty")
    ]
    assert "no-new-privileges" in words


@given(st.integers(min_value=0, max_value=2**50))
def test_numbers_are_read_as_they_are_written(number: int) -> None:
    assert read_bytes(spelling.size(number)) == number
    assert durations.parse(spelling.duration(number % 10**15)) == number % 10**15
    assert read_cpus(spelling.cpus(number % 10**12)) == number % 10**12
