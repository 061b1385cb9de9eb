"""The default profile: what it allows, and that it compiles to a filter that the kernel would take."""

import json
import struct
from pathlib import Path
from typing import get_args

import pytest

from wharf.errors import InvalidArgument
from wharf.linux.seccomp import compile_profile
from wharf.runtime.bundle import DEFAULT_CAPABILITIES
from wharf.runtime.seccomp_cache import SeccompCache
from wharf.runtime.seccomp_profile import _Action, _Operator, default_profile, needs_runtime, parse_profile

DEFAULT = frozenset(DEFAULT_CAPABILITIES)
ALLOW = 0x7FFF0000
ERRNO = 0x00050000
X86_64 = 0xC000003E


def allowed(capabilities: frozenset[str] = DEFAULT) -> set[str]:
    """Names that are allowed whatever the arguments."""
    rules = default_profile(capabilities)["syscalls"]
    return {
        name for rule in rules if rule["action"] == "SCMP_ACT_ALLOW" and "args" not in rule for name in rule["names"]
    }


@pytest.mark.parametrize(
    "name",
    "mount umount2 unshare setns clone clone3 bpf keyctl add_key request_key init_module kexec_load reboot swapon"
    " perf_event_open userfaultfd io_uring_setup open_by_handle_at iopl settimeofday pivot_root personality socket"
    " move_mount open_tree fsopen quotactl acct syslog nfsservctl vm86 lookup_dcookie mbind vhangup".split(),
)  # fmt: skip
def test_what_reaches_the_host_is_refused(name: str) -> None:
    assert name not in allowed()


@pytest.mark.parametrize(("capability", "name"), [("CAP_SYS_ADMIN", "mount"), ("CAP_SYS_TIME", "clock_settime")])
def test_a_capability_opens_what_it_stands_for(capability: str, name: str) -> None:
    assert name in allowed(DEFAULT | {capability})


def run_filter(program: bytes, number: int, arguments: tuple[int, ...] = (), architecture: int = X86_64) -> int:
    """What the kernel would answer: an interpreter of classic BPF as far as seccomp allows it."""
    padded = (*arguments, *(0,) * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, architecture, 0, *padded)
    instructions = list(struct.iter_unpack("<HBBI", program))
    at = accumulator = 0
    while True:
        code, yes, no, value = instructions[at]
        at += 1
        match code:
            case 0x20:
                accumulator = int(struct.unpack_from("<I", data, value)[0])
            case 0x06:
                return int(value)
            case 0x05:
                at += value
            case 0x15 | 0x25 | 0x35 | 0x45:
                true = {
                    0x15: accumulator == value,
                    0x25: accumulator > value,
                    0x35: accumulator >= value,
                    0x45: bool(accumulator & value),
                }[code]
                at += yes if true else no
            case 0x54:
                accumulator &= value
            case _:
                raise AssertionError(f"instruction {code:#x}")


@pytest.mark.parametrize(
    ("number", "arguments", "answer"),
    [
        (0, (), ALLOW),  # read
        (59, (), ALLOW),  # execve
        (165, (), ERRNO | 1),  # mount
        (272, (), ERRNO | 1),  # unshare
        (250, (), ERRNO | 1),  # keyctl
        (56, (0x01200011,), ALLOW),  # clone, as fork does
        (56, (0x10000000,), ERRNO | 1),  # clone with CLONE_NEWUSER
        (56, (0x20000011,), ERRNO | 1),  # clone with CLONE_NEWPID
        (435, (), ERRNO | 38),  # clone3
        (41, (2,), ALLOW),  # socket, AF_INET
        (41, (40,), ERRNO | 1),  # socket, AF_VSOCK
        (135, (0,), ALLOW),  # personality
        (135, (0x0040000,), ERRNO | 1),  # personality, ADDR_NO_RANDOMIZE
        (425, (), ERRNO | 1),  # io_uring_setup
        (9999, (), ERRNO | 1),
    ],
)
def test_the_compiled_filter_answers(number: int, arguments: tuple[int, ...], answer: int) -> None:
    assert run_filter(compile_profile(default_profile(DEFAULT)), number, arguments) == answer


def test_the_cache_compiles_once_and_replaces_broken_files(tmp_path: Path) -> None:
    profile = default_profile(DEFAULT)
    data = SeccompCache(tmp_path).compiled(profile)
    [file] = tmp_path.iterdir()
    kept = file.read_bytes()
    assert kept.endswith(data)
    assert SeccompCache(tmp_path).compiled(profile) == data
    # What a power cut leaves: a part, nothing, or the size without the bytes.
    for broken in (b"torn", b"", kept[:-8], kept[:32], bytes(len(kept)), bytes(len(kept) - 8), kept[:-64] + bytes(64)):
        file.write_bytes(broken)
        assert SeccompCache(tmp_path).compiled(profile) == data
        assert file.read_bytes() == kept


def test_a_users_profile_is_narrowed_to_one_container() -> None:
    text = json.dumps(
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 1,
            "archMap": [
                {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
                {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
            ],
            "syscalls": [
                {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
                {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
                {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]},
                 "args": [{"index": 0, "value": 7, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
                {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "9.9"}},
                {"names": ["cacheflush"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
            ],
        }
    )  # fmt: skip
    profile = parse_profile(text, DEFAULT)
    assert profile["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    assert [rule["names"] for rule in profile["syscalls"]] == [["read"], ["clone"]]
    assert run_filter(compile_profile(profile), 0) == ALLOW


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"defaultAction": 7}', "nonsense"])
def test_what_is_no_profile_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="seccomp profile"):
        parse_profile(text, DEFAULT)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"action": "SCMP_ACT_NONE"}, "SCMP_ACT_NONE"),
        ({"op": "SCMP_CMP_LIKE"}, "SCMP_CMP_LIKE"),
        ({"index": 6}, "index"),
        ({"index": -1}, "index"),
        ({"value": -1}, "value"),
        ({"value": 1 << 64}, "larger than"),
        ({"errnoRet": 1 << 16}, "errnoRet"),
        ({"defaultAction": "ALLOW"}, "ALLOW"),
    ],
)
def test_a_rule_that_cannot_be_compiled_is_refused(change: dict[str, object], words: str) -> None:
    argument = {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}
    argument |= {name: value for name, value in change.items() if name in argument}
    rule = {"names": ["read"], "action": change.get("action", "SCMP_ACT_ERRNO"), "args": [argument]}
    rule["errnoRet"] = change.get("errnoRet", 1)
    text = json.dumps({"defaultAction": change.get("defaultAction", "SCMP_ACT_ALLOW"), "syscalls": [rule]})
    with pytest.raises(InvalidArgument, match=f"Decoding seccomp profile failed: .*{words}"):
        parse_profile(text, DEFAULT)


def test_whatever_a_profile_may_say_compiles_or_is_left_to_the_runtime(tmp_path: Path) -> None:
    cache = SeccompCache(tmp_path)
    for action in get_args(_Action):
        for operator in get_args(_Operator):
            argument = {"index": 5, "value": (1 << 64) - 1, "valueTwo": 0, "op": operator}
            rule = {"names": ["read"], "action": action, "args": [argument]}
            text = json.dumps({"defaultAction": "SCMP_ACT_KILL", "syscalls": [rule]})
            assert cache.compiled(parse_profile(text, DEFAULT)) or action == "SCMP_ACT_NOTIFY"


def test_what_is_more_than_a_filter_is_kept_and_told() -> None:
    more = {"flags": ["SECCOMP_FILTER_FLAG_LOG"], "listenerPath": "/run/x", "listenerMetadata": "y"}
    profile = parse_profile(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", **more}), DEFAULT)
    assert needs_runtime(profile) and more.items() <= profile.items()
    assert not needs_runtime(parse_profile('{"defaultAction": "SCMP_ACT_ALLOW"}', DEFAULT))
