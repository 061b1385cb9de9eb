"""`wharf container edit`: other settings for a container that exists, which keeps its id, name, files and volumes."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness.engine import API, wait_until
from harness.wharfd import Wharfd

LOOP = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def inspected(wharfd: Wharfd, name: str = "box") -> Any:
    return json.loads(wharfd.docker("inspect", name).out)[0]


def settled(wharfd: Wharfd) -> bool:
    now = inspected(wharfd)
    return now["State"]["Status"] == "running" and "PendingEdit" not in now


def run(wharfd: Wharfd, *options: str) -> str:
    return wharfd.docker("run", "-d", "--name", "box", *options, "busybox", "sh", "-c", LOOP).text


def anonymous_volume(wharfd: Wharfd, target: str) -> str:
    return next(str(mount["Name"]) for mount in inspected(wharfd)["Mounts"] if mount["Destination"] == target)


def test_everything_at_once(wharfd: Wharfd, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("the host's\n")
    tmp_path.chmod(0o777)
    others = set(wharfd.docker("volume", "ls", "-q").text.split())
    id = run(wharfd, "-e", "OLD=1", "-l", "old=1", "-v", "/kept", "-v", "/gone", "-p", "8070:70", "--memory", "64m")
    kept = anonymous_volume(wharfd, "/kept")
    wharfd.docker("exec", "box", "sh", "-c", "echo in-layer >/layer; echo in-volume >/kept/file; mkdir /etc/filled")
    wharfd.docker("exec", "box", "touch", "/etc/filled/there")
    wharfd.wharf(
        *("container", "edit", "-t", "5", "-e", "NEW=2", "--env-rm", "OLD", "-l", "new=2", "--label-rm", "old"),
        *("--publish-add", "8090:90", "--publish-rm", "70", "--mount-rm", "/gone", "-v", f"{tmp_path}:/bound:ro"),
        *("--mount-add", "type=volume,source=named,target=/etc/filled", "--mount-add", "type=tmpfs,target=/memory"),
        *("--memory", "32m", "--hostname", "renamed", "--workdir", "/tmp", "--user", "1000"),
        *("box", "sh", "-c", f"echo edited; {LOOP}"),
    )
    now = inspected(wharfd)
    assert (now["Id"], now["Name"], now["State"]["Status"]) == (id, "/box", "running")
    assert "PendingEdit" not in now
    assert now["HostConfig"]["PortBindings"] == {"90/tcp": [{"HostIp": "", "HostPort": "8090"}]}
    assert list(now["NetworkSettings"]["Ports"]) == ["90/tcp"]
    assert now["HostConfig"]["MemorySwap"] in (0, 64 << 20)
    assert now["Config"]["Labels"] == {"new": "2"}
    script = (
        "cat /layer /kept/file /bound/file; ls /etc/filled; stat -f -c %T /memory; hostname; pwd; id -u; echo $NEW$OLD;"
        "touch /bound/x 2>/dev/null || echo read-only; ls -d /gone"
    )
    seen = wharfd.docker("exec", "box", "sh", "-c", script, check=False).text.splitlines()
    assert seen == [
        *("in-layer", "in-volume", "the host's", "there", "tmpfs", "renamed", "/tmp", "1000", "2", "read-only", "/gone")
    ]
    assert wharfd.docker("logs", "box").text == "edited"
    assert anonymous_volume(wharfd, "/kept") == kept
    assert {mount["Destination"] for mount in now["Mounts"]} >= {"/kept", "/bound", "/etc/filled"}
    # What is mounted no more is not lost, and the limit is the kernel's.
    assert len(set(wharfd.docker("volume", "ls", "-q").text.split()) - others) == 3
    stats = wharfd.request("GET", f"{API}/containers/box/stats?stream=0&one-shot=1").json
    assert stats["memory_stats"]["limit"] == 32 << 20
    wharfd.docker("rm", "-fv", "box")
    wharfd.docker("volume", "prune", "-f")
    wharfd.docker("volume", "rm", "named")


def test_what_needs_no_start_is_felt_at_once(wharfd: Wharfd) -> None:
    run(wharfd, "--memory", "64m")
    before = wharfd.state("box")
    wharfd.wharf(
        "container", "edit", "--memory", "32m", "--pids-limit", "40", "-l", "a=b", "--restart", "always", "box"
    )
    now = inspected(wharfd)
    assert (now["State"]["Pid"], now["State"]["StartedAt"]) == (before["Pid"], before["StartedAt"])
    assert (now["Config"]["Labels"], now["HostConfig"]["RestartPolicy"]["Name"]) == ({"a": "b"}, "always")
    stats = wharfd.request("GET", f"{API}/containers/box/stats?stream=0&one-shot=1").json
    assert (stats["memory_stats"]["limit"], stats["pids_stats"]["limit"]) == (32 << 20, 40)
    # A limit that is taken away is a matter of the next start.
    wharfd.request("POST", f"{API}/containers/box/edit?t=1", {"HostConfig": {"PidsLimit": 0}})
    assert wharfd.state("box")["Pid"] != before["Pid"]


def test_a_stopped_container_is_changed_and_not_started(wharfd: Wharfd) -> None:
    wharfd.docker("create", "--name", "box", "busybox", "cat", "/etc/there/passwd")
    wharfd.wharf("container", "edit", "-v", "/etc/there", "-v", "/etc", "box", "ls", "/etc/passwd")
    assert wharfd.state("box")["Status"] == "created"
    assert wharfd.docker("start", "-a", "box").text == "/etc/passwd"


def test_layers_over_images_come_and_go(wharfd: Wharfd) -> None:
    run(wharfd)
    layers = wharfd.root / "data/overlay2/containers"
    count = len(list(layers.iterdir()))
    image = {"Type": "image", "Source": "busybox", "Target": "/image"}
    edit = f"{API}/containers/box/edit?t=1"
    assert wharfd.request("POST", edit, {"HostConfig": {"Mounts": [image]}}).status == 200
    assert wharfd.docker("exec", "box", "ls", "/image/bin/busybox").code == 0
    assert len(list(layers.iterdir())) == count + 1
    # One more, for a start that fails.
    more = [image, {**image, "Target": "/more"}]
    failed = wharfd.request("POST", edit, {"HostConfig": {"Mounts": more}, "Entrypoint": ["/nope"]})
    assert failed.status >= 400 and len(list(layers.iterdir())) == count + 1
    assert wharfd.wharf("container", "edit", "-t", "1", "--mount-rm", "/image", "box").code == 0
    assert len(list(layers.iterdir())) == count
    assert wharfd.docker("exec", "box", "ls", "/image/bin", check=False).code != 0


def test_what_fails_again_and_again_is_mended(wharfd: Wharfd) -> None:
    wharfd.docker("run", "-d", "--name", "box", "--restart", "always", "busybox", "sh", "-c", "exit 1")
    wait_until(lambda: wharfd.state("box")["Status"] == "restarting", "it waits for its next start")
    wharfd.wharf("container", "edit", "box", "sh", "-c", LOOP)
    assert wharfd.state("box")["Status"] == "running"
    assert inspected(wharfd)["HostConfig"]["RestartPolicy"]["Name"] == "always"


def test_the_next_start_brings_what_must_not_restart_now(wharfd: Wharfd) -> None:
    run(wharfd)
    pid = wharfd.state("box")["Pid"]
    ran = wharfd.wharf("container", "edit", "--no-restart", "-e", "A=1", "-v", "/new", "box")
    assert "its next start brings the change" in ran.error
    wharfd.wharf("container", "edit", "--no-restart", "-e", "B=2", "box")
    wharfd.docker("update", "--memory", "64m", "--memory-swap", "128m", "box")
    now = inspected(wharfd)
    assert (now["State"]["Pid"], now["Mounts"]) == (pid, [])
    assert {"A=1", "B=2"} <= set(now["PendingEdit"]["Config"]["Env"]) and "A=1" not in now["Config"]["Env"]
    # The volume that waits with it is in use.
    wharfd.docker("volume", "prune", "-f")
    wharfd.docker("restart", "-t", "1", "box")
    assert wharfd.docker("exec", "box", "sh", "-c", "echo $A$B; ls -d /new").text.split() == ["12", "/new"]
    now = inspected(wharfd)
    assert ("PendingEdit" in now, len(now["Mounts"]), now["HostConfig"]["Memory"]) == (False, 1, 64 << 20)


def test_a_start_that_fails_undoes_the_edit(wharfd: Wharfd) -> None:
    run(wharfd, "-e", "OLD=1")
    wharfd.docker("run", "-d", "--name", "other", "-p", "8099:80", "busybox", "sleep", "600")
    volumes = wharfd.docker("volume", "ls", "-q").text
    before = inspected(wharfd)
    taken = {"80/tcp": [{"HostPort": "8099"}]}
    for change, words in (
        ({"Cmd": ["/no/such/program"], "Entrypoint": [], "Volumes": {"/new": {}}}, "no such file or directory"),
        ({"Env": ["X=1"], "ExposedPorts": {"80/tcp": {}}, "HostConfig": {"PortBindings": taken}}, "port is already"),
    ):
        answer = wharfd.request("POST", f"{API}/containers/box/edit?t=1", change)
        assert answer.status >= 400 and words in answer.message, answer.message
        assert "the edit of the container is undone" in answer.message
        now = inspected(wharfd)
        assert now["State"]["Status"] == "running"
        assert [now[part] for part in ("Config", "HostConfig", "Mounts")] == [
            before[part] for part in ("Config", "HostConfig", "Mounts")
        ]
    assert wharfd.docker("volume", "ls", "-q").text == volumes
    # The same for one that waits: the start fails once, and then the container is as before.
    wharfd.request("POST", f"{API}/containers/box/edit?restart=0", {"Cmd": ["/no/such/program"], "Entrypoint": []})
    wharfd.docker("stop", "-t", "1", "box")
    assert wharfd.docker("start", "box", check=False).code == 1
    wharfd.docker("start", "box")


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({}, 400, "an edit has to set something"),
        ({"Nonsense": 1}, 400, "unknown member Nonsense of EditRequest"),
        ({"HostConfig": {"Memroy": 1}}, 400, "unknown member Memroy of EditRequest.HostConfig"),
        ({"Image": "other"}, 400, "Image of a container cannot be edited"),
        ({"HostConfig": {"NetworkMode": "host"}}, 400, "NetworkMode of a container cannot be edited"),
        ({"NetworkingConfig": {"EndpointsConfig": {"x": {}}}}, 400, "connect it to others"),
        ({"Env": "A=1"}, 400, "cannot unmarshal string into Go struct field EditRequest.Env of type []string"),
        ({"Env": ["=x"]}, 400, "invalid environment variable: =x"),
        ({"Cmd": [], "Entrypoint": []}, 400, "No command specified"),
        ({"HostConfig": {"Memory": 1024}}, 400, "Minimum memory limit allowed is 6MB"),
        ({"HostConfig": {"Binds": ["/x:relative"]}}, 400, "invalid volume specification"),
        ({"HostConfig": {"Mounts": [{"Type": "bind", "Source": "/not/there", "Target": "/x"}]}}, 400, "does not exist"),
        ({"HostConfig": {"Annotations": {"wharf.nonsense": "1"}}}, 400, "unknown annotation wharf.nonsense"),
    ],
)
def test_bad_edits_change_nothing(wharfd: Wharfd, change: object, status: int, words: str) -> None:
    wharfd.docker("create", "--name", "box", "-v", "/v", "busybox", "true")
    before = inspected(wharfd)
    volumes = wharfd.docker("volume", "ls", "-q").text
    answer = wharfd.request("POST", f"{API}/containers/box/edit", change)
    assert (answer.status, words in answer.message) == (status, True), answer.message
    assert (inspected(wharfd), wharfd.docker("volume", "ls", "-q").text) == (before, volumes)


def test_words_of_the_command(wharfd: Wharfd) -> None:
    wharfd.docker("create", "--name", "box", "busybox", "true")
    for arguments, words in (
        ((), "you must provide one or more flags, or a command"),
        (("--env-rm", "X"), "no such environment variable: X"),
        (("--label-rm", "X"), "no such label: X"),
        (("--publish-rm", "80"), "port 80/tcp is not published"),
        (("--mount-rm", "/x"), "nothing is mounted at /x"),
    ):
        ran = wharfd.wharf("container", "edit", *arguments, "box", check=False)
        assert (ran.code, words in ran.error) == (1, True), ran.error
    wharfd.docker("run", "-d", "--name", "frozen", "busybox", "sleep", "600")
    wharfd.docker("pause", "frozen")
    ran = wharfd.wharf("container", "edit", "-e", "A=1", "frozen", check=False)
    assert "is paused" in ran.error
    wharfd.docker("unpause", "frozen")
    assert "No such container: none" in wharfd.wharf("container", "edit", "-e", "A=1", "none", check=False).error


@pytest.mark.parametrize("delay", [0.2, 1.1, 1.3])
def test_a_daemon_that_dies_leaves_the_one_or_the_other(new_wharfd: Callable[..., Wharfd], delay: float) -> None:
    """Whenever it is: the container is there, runs, is the old one or the new one as a whole, and has its data."""
    wharfd = new_wharfd()
    slow = "trap 'sleep 1; exit 0' TERM; while :; do sleep 0.05; done"
    id = wharfd.docker("run", "-d", "--name", "box", "-e", "X=old", "-v", "/kept", "busybox", "sh", "-c", slow).text
    wharfd.docker("exec", "box", "sh", "-c", "echo data | tee /layer >/kept/file")
    kept = anonymous_volume(wharfd, "/kept")

    def edit() -> None:
        try:
            wharfd.request("POST", f"{API}/containers/box/edit", {"Env": ["X=new"], "Labels": {"which": "new"}})
        except OSError:
            pass  # the daemon has died under it

    client = threading.Thread(target=edit)
    client.start()
    time.sleep(delay)
    wharfd.kill9()
    client.join()
    wharfd.start()
    wait_until(lambda: settled(wharfd), "it runs, and nothing of the edit is left to do")
    now = inspected(wharfd)
    which = "new" if now["Config"]["Labels"] == {"which": "new"} else "old"
    assert (now["Id"], "PendingEdit" in now) == (id, False)
    assert [text for text in now["Config"]["Env"] if text.startswith("X=")] == [f"X={which}"]
    assert wharfd.docker("exec", "box", "sh", "-c", "echo $X; cat /layer /kept/file").text.split() == [
        *(which, "data", "data")
    ]
    assert anonymous_volume(wharfd, "/kept") == kept
    assert wharfd.wharf("container", "edit", "-t", "0", "-e", "X=after", "box").text == "box"


@pytest.mark.parametrize("moment", ["before the stop", "in the stop", "before the start", "in a start that cannot be"])
def test_each_moment_of_an_edit_is_mended(new_wharfd: Callable[..., Wharfd], moment: str) -> None:
    """The records of a daemon that died, as they are at that moment."""
    wharfd = new_wharfd()
    run(wharfd, "-e", "X=old")
    pid = wharfd.state("box")["Pid"]
    if moment in ("before the start", "in a start that cannot be"):
        wharfd.docker("stop", "-t", "0", "box")
    wharfd.kill9()
    with closing(sqlite3.connect(wharfd.root / "data/wharf.db")) as db, db:
        record = json.loads(db.execute("SELECT record FROM containers").fetchone()[0])
        settings = {name: record[name] for name in ("path", "args", "config", "host", "mounts")}
        other = {**settings, "config": {**settings["config"], "Env": ["X=new"]}}
        if moment == "in a start that cannot be":
            record |= {"path": "/nope", "args": [], "config": {**settings["config"], "Cmd": ["/nope"]}}
            other = settings
        record["stopped_by_user"] = moment != "before the stop"
        record["edit"] = {"other": other, "tried": moment == "in a start that cannot be", "restart": True}
        db.execute("UPDATE containers SET record = ?", (json.dumps(record).encode(),))
    wharfd.start()
    wait_until(lambda: settled(wharfd), "it runs, and nothing of the edit is left to do")
    which = "new" if moment in ("in the stop", "before the start") else "old"
    assert wharfd.docker("exec", "box", "sh", "-c", "echo $X").text == which
    now = inspected(wharfd)
    assert ("PendingEdit" in now, now["State"]["Pid"] == pid) == (False, moment == "before the stop")
    # It is settled for good.
    wharfd.docker("restart", "-t", "0", "box")
    assert wharfd.docker("exec", "box", "sh", "-c", "echo $X").text == which


def test_what_removes_itself_is_there_until_it_ends(wharfd: Wharfd) -> None:
    run(wharfd, "--rm", "-v", "/kept")
    wharfd.docker("exec", "box", "touch", "/kept/file")
    wharfd.wharf("container", "edit", "-t", "1", "-e", "A=1", "box")
    assert wharfd.docker("exec", "box", "sh", "-c", "echo $A; ls /kept").text.split() == ["1", "file"]
    wharfd.docker("kill", "box")
    wait_until(lambda: wharfd.docker("inspect", "box", check=False).code == 1, "it has gone")
