import json
from pathlib import Path

import pytest

from wharf.daemon.config import Config, load, parse_file
from wharf.daemon.flags import parse_flags, usage
from wharf.daemon.options import BY_FLAG, BY_KEY, NOT_OFFERED, OPTIONS
from wharf.daemon.translate import engine_config
from wharf.errors import EngineError, InvalidArgument, NotImplementedByUs
from wharf.network.settings import Forwarding

NO_FILE = ["--config-file", "/dev/null"]


def _load(*arguments: str) -> Config:
    return load([*NO_FILE, *arguments])


def _load_file(directory: Path, content: object, *arguments: str) -> Config:
    path = directory / "daemon.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return load(["--config-file", str(path), *arguments])


def test_flags_in_all_their_forms() -> None:
    config = _load("--data-root=/a", "--exec-root", "/b", "-D", "-H", "unix:///x", "-Hfd://", "-l=warn", "--icc=false")
    assert (config.data_root, config.exec_root, config.debug) == ("/a", "/b", True)
    assert (config.hosts, config.log_level, config.icc) == (("unix:///x", "fd://"), "warn", False)


def test_a_group_of_short_flags() -> None:
    assert parse_flags(["-Dl", "debug"]) == {"debug": True, "log-level": "debug"}


def test_lists_maps_and_limits() -> None:
    config = engine_config(
        _load(
            "--insecure-registry=a:1,b",
            "--insecure-registry=10.0.0.0/8",
            "--log-opt=max-size=1m",
            "--log-opt=compress=true",
            "--default-ulimit=nofile=64:128",
            "--add-runtime=mine=/opt/mine",
            "--default-runtime=mine",
            "--default-shm-size=1g",
        )
    )
    assert config.registry.insecure == ("a:1", "b", "10.0.0.0/8")
    assert config.logs.options == {"max-size": "1m", "max-file": "5", "compress": "true"}
    assert [(u.name, u.soft, u.hard) for u in config.default_ulimits] == [("nofile", 64, 128)]
    assert config.runtimes["mine"] == "/opt/mine"
    assert config.shm_size == 2**30


def test_the_file_says_the_same_as_flags(tmp_path: Path) -> None:
    content = {
        "insecure-registries": ["a:1"],
        "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 64, "Hard": 128}},
        "runtimes": {"mine": {"path": "/opt/mine"}},
        "log-opts": {"max-size": "1m"},
        "labels": ["a=b"],
        "debug": True,
        "experimental": False,
        "storage-opts": [],
    }
    flags = ["--insecure-registry=a:1", "--default-ulimit=nofile=64:128", "--add-runtime=mine=/opt/mine", "-D"]
    from_flags = _load(*flags, "--log-opt=max-size=1m", "--label=a=b")
    assert engine_config(_load_file(tmp_path, content)) == engine_config(from_flags)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"colour": 1, "shape": 2}, "the following directives don't match any configuration option: colour, shape"),
        ({"metrics-addr": ":9323"}, "the option 'metrics-addr' is not implemented"),
        ({"experimental": True}, "the option 'experimental' is not implemented"),
        ({"debug": "yes"}, "Expected `bool`, got `str` - at `$.debug`"),
        ({"hosts": "unix:///x"}, r"Expected `array`, got `str` - at `$.hosts`"),
        ({"validate": True}, "don't match any configuration option: validate"),
        ([], "expected a JSON object"),
        ("{", "unable to configure the daemon with file"),
        ('{"debug": true, "debug": false}', "a key is there twice: debug"),
        ({"runtimes": {"runc": {"path": "/x"}}}, "reserved"),
        ({"runtimes": {"mine": {"path": "/x", "runtimeArgs": ["-v"]}}}, "runtimeArgs"),
        ({"default-ulimits": {"nofile": {"Soft": 2, "Hard": 1}}}, "must be less than or equal to hard limit: 2 > 1"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, content: object, words: str) -> None:
    with pytest.raises(EngineError) as caught:
        _load_file(tmp_path, content)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_flag_and_the_file_may_not_both_give_an_option(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument) as caught:
        _load_file(tmp_path, {"debug": False, "labels": ["a=b"]}, "-D", "--label", "c=d")
    assert str(caught.value) == (
        "the following directives are specified both as a flag and in the configuration file: "
        'debug: (from flag: true, from file: false), labels: (from flag: ["c=d"], from file: ["a=b"])'
    )


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such file or directory"):
        load(["--config-file", str(tmp_path / "none.json")])


def test_an_empty_file_says_nothing() -> None:
    assert parse_file(" \n") == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--colour"], "unknown flag: --colour"),
        (["-x"], "unknown shorthand flag: 'x' in -x"),
        (["--data-root"], "flag needs an argument: --data-root"),
        (["-H"], "flag needs an argument: 'H' in -H"),
        (["extra"], "accepts no arguments: 'extra'"),
        (["--debug=perhaps"], 'invalid argument "perhaps": not true or false (flag --debug)'),
        (["--mtu=big"], 'invalid argument "big": not a whole number (flag --mtu)'),
        (["--mtu=9"], "invalid default MTU: 9"),
        (["--log-level=loud"], 'status of logging level is invalid: "loud"'),
        (["--log-driver=nosuch"], 'failed to set log opts: error looking up logging plugin nosuch: plugin "nosuch"'),
        (["--log-driver=syslog", "--log-opt=syslog-address=x"], "failed to set log opts: unsupported scheme: ''"),
        (["--log-opt=foo=1"], "failed to set log opts: unknown log opt 'foo' for json-file log driver"),
        (["--log-opt=mode=x"], "failed to set log opts: logger: logging mode not supported: x"),
        (["--log-opt=max-size"], "expected name=value"),
        (["--storage-driver=zfs"], 'unknown storage driver "zfs"'),
        (["--default-runtime=mine"], "specified default runtime 'mine' does not exist"),
        (["--default-shm-size=0"], "invalid size: '0'"),
        (["--label=x"], "bad attribute format: x"),
        (["--registry-mirror=mirror:5000"], "invalid mirror"),
        (["--registry-mirror=http://mirror/path"], "invalid mirror: path, query"),
        (["--insecure-registry=http://x"], "insecure registry http://x is not valid"),
        (["--bip=10.0.0.0/24"], "invalid bip"),
        (["--bip=10.0.0.1"], "invalid bip"),
        (["--bip=10.0.0.1/24", "--fixed-cidr=10.0.1.0/25"], "is not part of the bridge's range"),
        (["--bridge=a-name-that-is-too-long"], "invalid bridge name"),
        (["--exec-opt=native.cgroupdriver=x"], "native.cgroupdriver option x not supported"),
        (["--exec-opt=a=b"], "invalid option: a=b"),
        (["--dns=somewhere"], "invalid address"),
        (["-H", "tcp://0.0.0.0:2375"], "refusing to serve tcp://0.0.0.0:2375 without client certificates"),
        (["-H", "tcp://:1", "--tls", "--tlscert=a", "--tlskey=b"], "refusing to serve tcp://:1"),
        (["--tlsverify", "--tlscert=a", "--tlskey=b"], "tlsverify needs tlscacert"),
        (["--tls"], "TLS needs both tlscert and tlskey"),
        (["-H", "x"], "invalid host 'x'"),
        (["--group", ""], ""),
    ],
)
def test_flags_that_are_refused(arguments: list[str], words: str) -> None:
    if not words:
        assert _load(*arguments).group == ""
        return
    with pytest.raises(InvalidArgument) as caught:
        _load(*arguments)
    assert words in str(caught.value)


def test_flags_of_dockerd_that_we_lack_are_named() -> None:
    with pytest.raises(NotImplementedByUs, match="--metrics-addr is not implemented"):
        _load("--metrics-addr=:9323")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, Forwarding.GUARDED),
        ({"ip-forward": True, "ip-forward-no-drop": False}, Forwarding.GUARDED),
        ({"ip-forward-no-drop": True}, Forwarding.OPEN),
        ({"ip-forward": False}, Forwarding.LEFT_ALONE),
        ({"ip-forward": False, "ip-forward-no-drop": True}, Forwarding.LEFT_ALONE),
    ],
)
def test_who_makes_the_host_a_router(tmp_path: Path, content: object, expected: Forwarding) -> None:
    assert engine_config(_load_file(tmp_path, content)).bridge.forwarding is expected


def test_plain_tcp_when_it_is_meant() -> None:
    assert _load("-H", "tcp://127.0.0.1:2375", "--allow-plain-tcp").hosts == ("tcp://127.0.0.1:2375",)


def test_the_table_of_options_has_no_contradictions() -> None:
    assert len(BY_FLAG) == len(OPTIONS)
    assert not (BY_FLAG.keys() | BY_KEY.keys()) & NOT_OFFERED.keys()
    assert {name.replace("-", "_") for name in BY_KEY} <= set(Config.__struct_fields__)
    assert all(f"--{option.flag}" in usage() for option in OPTIONS)


def test_help_and_version_need_nothing_else() -> None:
    assert load(["--version"]).version
    assert load(["-h", "--config-file", "/nowhere"]).help
