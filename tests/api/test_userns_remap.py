"""The daemon's userns-remap, with a copy of /etc that only it sees."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from harness.wharfd import Wharfd

FIRST = 700_000  # ids that no user of the machine has


class Prepared(Wharfd):
    """wharfd in a mount namespace of its own, after a script that may change /etc there."""

    def __init__(self, script: str, *flags: str) -> None:
        super().__init__(*flags)
        self.script = script

    def command(self) -> list[str]:
        etc = self.root / "etc"
        own = f'test -e {etc} || cp -a /etc {etc}; mount --bind {etc} /etc; {self.script}\nexec "$@"'
        return ["unshare", "--mount", "--propagation", "slave", "sh", "-ec", own, "sh", *super().command()]

    def etc(self, name: str) -> str:
        return (self.root / "etc" / name).read_text()


#: A user whose ids are in two ranges, and a group of another number.
ALICE = f"""
    grep -q ^remapped: /etc/passwd || {{
        echo remapped:x:{FIRST}:{FIRST}::/:/bin/false >>/etc/passwd
        echo remappedgroup:x:{FIRST + 1}: >>/etc/group
        printf 'remapped:{FIRST + 5000}:70000\\nremapped:{FIRST}:1000\\n' >>/etc/subuid
        printf '{FIRST + 1}:{FIRST + 200000}:65536\\nremapped:{FIRST + 300000}:65536\\n' >>/etc/subgid
    }};
"""


@pytest.fixture
def prepared(busybox_archive: bytes) -> Iterator[Callable[..., Prepared]]:
    made: list[Prepared] = []

    def make(script: str, *flags: str) -> Prepared:
        engine = Prepared(script, *flags)
        made.append(engine)
        return engine

    try:
        yield make
    finally:
        for engine in made:
            engine.close()


def maps(engine: Wharfd, *options: str) -> list[list[int]]:
    text = engine.docker("run", "--rm", *options, "busybox", "cat", "/proc/self/uid_map", "/proc/self/gid_map").text
    return [[int(word) for word in line.split()] for line in text.splitlines()]


HOST = [[0, 0, 4294967295]] * 2


def test_all_containers_are_mapped_unless_they_say_otherwise(
    prepared: Callable[..., Prepared], busybox_archive: bytes
) -> None:
    engine = prepared(ALICE, "--userns-remap", f"remapped:{FIRST + 1}", "--userns-pool", f"{FIRST}:300000")
    engine.start()
    engine.docker("load", input=busybox_archive)
    assert "name=userns" in engine.docker("info", "-f", "{{.SecurityOptions}}").text
    users = [[0, FIRST, 1000], [1000, FIRST + 5000, 70000]]
    assert maps(engine) == [*users, [0, FIRST + 200_000, 65536]]
    assert maps(engine, "--userns", "host") == HOST
    # The pool has these ids, too, but they are taken.
    auto = maps(engine, "--annotation", "wharf.userns=auto:size=9")
    assert auto == [[0, FIRST + 1000, 9], [0, FIRST, 9]]
    _check_conflicts(engine)
    _check_sharing(engine)
    # A container keeps its files, whatever the daemon gives it at the next start.
    engine.docker("run", "--name", "box", "-v", "data:/data", "busybox", "sh", "-c", "touch /made /data/made")
    engine.flags = []
    engine.restart()
    assert maps(engine) == HOST
    engine.docker("commit", "box", "kept")
    assert engine.docker("run", "--rm", "-v", "data:/d", "kept", "stat", "-c", "%u", "/made", "/d/made").text == "0\n0"
    assert "name=userns" not in engine.docker("info", "-f", "{{.SecurityOptions}}").text


def _check_conflicts(engine: Wharfd) -> None:
    for options, words in (
        (["--privileged"], "privileged mode is incompatible with user namespaces.  You must run the container in"),
        (["--network", "host"], "cannot share the host's network namespace when user namespaces are enabled"),
        (["--pid", "host"], "cannot share the host PID namespace when user namespaces are enabled"),
    ):
        refused = engine.docker("run", "--rm", *options, "busybox", "true", check=False)
        assert refused.code == 125
        assert words in refused.error
        assert engine.docker("run", "--rm", "--userns", "host", *options, "busybox", "true").code == 0


def _check_sharing(engine: Wharfd) -> None:
    engine.docker("run", "-d", "--name", "mapped", "busybox", "sleep", "600")
    engine.docker("run", "-d", "--name", "unmapped", "--userns", "host", "busybox", "sleep", "600")
    script = "stat -L -c %i /proc/self/ns/user /proc/1/ns/user | uniq | wc -l"
    join = ("--network", "container:mapped", "--pid", "container:mapped")
    assert engine.docker("run", "--rm", *join, "busybox", "sh", "-c", script).text == "1"
    refused = engine.docker("run", "--rm", "--network", "container:unmapped", "busybox", "true", check=False)
    assert "it has no user namespace to share" in refused.error
    mixed = ("--network", "container:mapped", "--pid", "container:unmapped")
    refused = engine.docker("run", "--rm", *mixed, "busybox", "true", check=False)
    assert "they belong to another user namespace" in refused.error
    engine.docker("rm", "-f", "mapped", "unmapped")


def test_default_makes_its_user_once(prepared: Callable[..., Prepared], busybox_archive: bytes) -> None:
    script = "sed -i '/^dockremap:/d' /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/subuid /etc/subgid"
    engine = prepared(script, "--userns-remap", "default")
    engine.start()
    engine.docker("load", input=busybox_archive)
    entry = next(line for line in engine.etc("subuid").splitlines() if line.startswith("dockremap:"))
    _, first, size = entry.split(":")
    assert maps(engine)[0] == [0, int(first), int(size)]
    assert int(size) == 65536
    assert "dockremap:" in engine.etc("passwd")
    engine.script = "true"
    engine.restart()
    assert engine.etc("subuid").count("dockremap:") == engine.etc("passwd").count("dockremap:") == 1


@pytest.mark.parametrize(
    ("script", "flags", "why"),
    [
        ("true", ["--userns-remap", "nosuchuser"], 'Error during uid lookup for "nosuchuser"'),
        ("true", ["--userns-remap", "3999999"], "Uid 3999999 has no entry in /etc/passwd"),
        ("true", ["--userns-remap", "a:b:c"], 'invalid user/group specification in --userns-remap: "a:b:c"'),
        ("true", ["--userns-remap", "daemon"], 'no subuid ranges found for user "daemon"'),
        (ALICE, ["--userns-remap", "remapped:nosuchgroup"], 'Error during gid lookup for "nosuchgroup"'),
        (ALICE + " echo bad >>/etc/subuid", ["--userns-remap", "remapped"], "cannot parse /etc/subuid: 'bad'"),
        ("true", ["--userns-pool", "0:100"], "invalid userns-pool"),
        ("true", ["--userns-pool", "nosuchuser"], 'userns-pool: no ranges for user "nosuchuser"'),
        (
            "sed -i /^dockremap:/d /etc/passwd /etc/group /etc/subuid /etc/subgid; PATH=/nonexistent",
            ["--userns-remap", "default"],
            'cannot make the user "dockremap" for userns-remap: useradd: No such file',
        ),
        (
            ALICE + " mkdir $DATA; mount -t ramfs none $DATA",
            ["-s", "vfs", "--userns-remap", "remapped"],
            "whose owners the kernel can map",
        ),
    ],
)
def test_a_remap_that_cannot_be_had_is_told_at_the_start(
    prepared: Callable[..., Prepared], script: str, flags: list[str], why: str
) -> None:
    engine = prepared(script, *flags)
    engine.script = script.replace("$DATA", str(engine.root / "data"))
    ended = subprocess.run(
        engine.network.command(engine.command()), capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode != 0
    assert why in ended.stderr, ended.stderr
