"""Logs from outside: which drivers there are, what a start without a receiver says, clearing, faults."""

import contextlib
import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.engine import API, wait_until
from harness.receivers import Datagrams, Streams
from harness.wharfd import Wharfd

COUNTING = "i=0; while true; do echo line-$i; i=$((i+1)); sleep 0.01; done"


def create(wharfd: Wharfd, driver: str, options: dict[str, str]) -> Any:
    body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"LogConfig": {"Type": driver, "Config": options}}}
    return wharfd.request("POST", f"{API}/containers/create", body)


def shim_of(wharfd: Wharfd, id: str) -> int:
    return int(json.loads((wharfd.root / "exec/containers" / id / "shim.json").read_text())["pid"])


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"line-(\d+)", text)]


def test_drivers_are_listed_and_unknown_ones_and_options_are_refused(wharfd: Wharfd) -> None:
    drivers = wharfd.request("GET", f"{API}/info").json["Plugins"]["Log"]
    assert drivers == ["fluentd", "gelf", "journald", "json-file", "local", "none", "syslog"]
    for driver, options, words in (
        ("awslogs", {}, 'error looking up logging plugin awslogs: plugin "awslogs" not found'),
        ("json-file", {"foo": "1"}, "unknown log opt 'foo' for json-file log driver"),
        ("gelf", {}, "gelf-address is a required parameter"),
        ("json-file", {"tag": "{{.Foo"}, "template: log-tag:1: unclosed action"),
    ):
        answer = create(wharfd, driver, options)
        assert (answer.status, answer.message) == (400, words)
    assert wharfd.docker("ps", "-aq").text == ""


def test_without_its_receiver_a_container_does_not_start(wharfd: Wharfd) -> None:
    prefix = "failed to create task for container: failed to initialize logging driver: "
    refused = "dial tcp 127.0.0.1:1: connect: connection refused"
    for driver, options, words in (
        ("syslog", {"syslog-address": "tcp://127.0.0.1:1"}, refused),
        (
            "gelf",
            {"gelf-address": "tcp://127.0.0.1:1"},
            f"gelf: cannot connect to GELF endpoint: 127.0.0.1:1 {refused}",
        ),
        ("fluentd", {"fluentd-address": "127.0.0.1:1"}, refused),
        ("fluentd", {"fluentd-address": "unix:///no"}, "dial unix /no: connect: no such file or directory"),
    ):
        id = create(wharfd, driver, options).json["Id"]
        answer = wharfd.request("POST", f"{API}/containers/{id}/start")
        assert (answer.status, answer.message) == (500, prefix + words)
        state = wharfd.state(id)
        assert (state["Status"], state["ExitCode"]) == ("created", 128)
    for driver, options in (
        ("syslog", {"syslog-address": "udp://127.0.0.1:1"}),
        ("fluentd", {"fluentd-address": "127.0.0.1:1", "fluentd-async": "true"}),
    ):
        id = create(wharfd, driver, options).json["Id"]
        assert wharfd.request("POST", f"{API}/containers/{id}/start").status == 204


def test_receiver_and_daemon_may_die_and_the_container_goes_on(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd()
    receiver = Streams(wharfd.network.path)
    address = f"gelf-address=tcp://127.0.0.1:{receiver.port}"
    id = wharfd.docker(
        *("run", "-d", "--log-driver", "gelf", "--log-opt", address, "--log-opt", "gelf-tcp-max-reconnect=1000"),
        *("busybox", "sh", "-c", COUNTING),
    ).text
    receiver.wait_for(b'"line-5"')
    receiver.close()
    wharfd.kill9()
    wharfd.start()
    before = numbers(wharfd.docker("logs", id).out.decode())
    wait_until(lambda: len(numbers(wharfd.docker("logs", id).out.decode())) > len(before) + 20, "it goes on")
    with Streams(wharfd.network.path, port=receiver.port) as later:
        wait_until(lambda: len(later.all) > 2000, "it is found again")
        wharfd.docker("stop", "-t", "0", id)
        kept = numbers(wharfd.docker("logs", id).out.decode())
        assert kept == list(range(len(kept)))
        later.wait_for(b'"line-%d"' % kept[-1])


def test_what_could_not_be_sent_is_told_in_the_daemons_log(wharfd: Wharfd) -> None:
    receiver = Streams(wharfd.network.path)
    id = wharfd.docker(
        *("run", "-di", "--log-driver", "syslog", "--log-opt", f"syslog-address=tcp://127.0.0.1:{receiver.port}"),
        *("busybox", "sh", "-c", "echo ready; read go; head -c 9000000 /dev/zero | tr '\\0' x; sleep 0.1; exit 0"),
    ).text
    receiver.wait_for(b"ready")
    receiver.close()
    wharfd.docker("attach", id, input=b"go\n")
    assert re.search(rf"not all that a container wrote could be logged.*{id}", wharfd.log.read_text())
    assert len(wharfd.docker("logs", id).out) == len(b"ready\n") + 9_000_000
    # What there was room for is sent even now.
    with Streams(wharfd.network.path, port=receiver.port) as later:
        later.wait_for(b"x" * 16384)


def test_what_a_container_wrote_last_is_sent_after_its_end(wharfd: Wharfd) -> None:
    with Streams(wharfd.network.path) as receiver:
        receiver.reading.clear()
        wharfd.docker(
            *("run", "--rm", "--log-driver", "fluentd", "--log-opt", f"fluentd-address=127.0.0.1:{receiver.port}"),
            *("busybox", "sh", "-c", "echo first; echo last >&2"),
        )
        receiver.reading.set()
        receiver.wait_for(b"\xa3log\xa4last")


def test_a_slow_receiver_holds_back_the_container_unless_told_otherwise(wharfd: Wharfd) -> None:
    megabyte = "head -c 1000000 /dev/zero | tr '\\0' x; echo"
    script = f"i=0; while [ $i -lt 40 ]; do {megabyte}; i=$((i+1)); done; touch /done; sleep 60"
    with Streams(wharfd.network.path) as receiver:
        receiver.reading.clear()
        common = ("--log-driver", "syslog", "--log-opt", f"syslog-address=tcp://127.0.0.1:{receiver.port}")
        free = ("--log-opt", "mode=non-blocking", "--log-opt", "max-buffer-size=1m")
        held = wharfd.docker("run", "-d", *common, "busybox", "sh", "-c", script).text
        fast = wharfd.docker("run", "-d", *common, *free, "busybox", "sh", "-c", script).text

        def is_done(id: str) -> bool:
            return wharfd.docker("exec", id, "test", "-e", "/done", check=False).code == 0

        wait_until(lambda: is_done(fast), "it is not held back", timeout=60)
        assert not is_done(held)
        receiver.reading.set()
        wait_until(lambda: is_done(held), "it goes on with its receiver", timeout=60)
        for id in (held, fast):
            wharfd.docker("rm", "-f", id)


def test_a_non_blocking_log_is_complete_when_the_container_has_ended(wharfd: Wharfd) -> None:
    for driver in ("json-file", "local"):
        options = ("--log-driver", driver, "--log-opt", "mode=non-blocking", "--log-opt", "max-buffer-size=4m")
        id = wharfd.docker("run", "-d", *options, "busybox", "sh", "-c", "seq 100000; echo end >&2").text
        wharfd.docker("wait", id)
        ran = wharfd.docker("logs", id)
        assert ran.out == b"".join(b"%d\n" % number for number in range(1, 100_001)) and ran.err == b"end\n"


def test_the_daemons_own_driver_and_options(new_wharfd: Callable[..., Wharfd]) -> None:
    path = Path(f"/tmp/wharf-test-{os.getpid()}.sock")
    try:
        with Datagrams(path=path) as receiver:
            flags = ("--log-driver=syslog", f"--log-opt=syslog-address=unixgram://{path}", "--log-opt=tag=daemons")
            wharfd = new_wharfd(*flags, "--log-opt=cache-max-file=7")
            assert wharfd.docker("info", "-f", "{{.LoggingDriver}}").text == "syslog"
            wharfd.docker("run", "--name", "web", "--log-opt", "syslog-facility=kern", "busybox", "echo", "hello")
            assert re.fullmatch(rb"<6>.* daemons\[\d+\]: hello\n", receiver.wait_for(1)[0])
            shown = wharfd.docker("inspect", "-f", "{{json .HostConfig.LogConfig}} {{.LogPath}}|", "web").text
            config = {
                "syslog-address": f"unixgram://{path}",
                "tag": "daemons",
                "cache-max-file": "7",
                "syslog-facility": "kern",
            }
            assert json.loads(shown.rpartition("}")[0] + "}") == {"Type": "syslog", "Config": config}
            assert shown.endswith(" |")
            other = wharfd.docker("run", "-d", "--log-driver", "json-file", "busybox", "true").text
            kept = wharfd.request("GET", f"{API}/containers/{other}/json").json["HostConfig"]["LogConfig"]["Config"]
            assert kept == {"cache-max-file": "7"}
    finally:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("driver", ["json-file", "local"])
def test_a_log_is_cleared_while_it_is_written_rotated_and_followed(wharfd: Wharfd, driver: str) -> None:
    bounds = ("--log-driver", driver, "--log-opt", "max-size=2k", "--log-opt", "max-file=3")
    id = wharfd.docker("run", "-d", *bounds, "busybox", "sh", "-c", COUNTING).text
    directory = wharfd.root / "data/containers" / id
    wait_until(lambda: len(list(directory.glob("*.log.2*"))) == 1, "three files")
    follower = wharfd.docker_process("logs", "-f", "--tail", "0", id)
    assert follower.stdout is not None
    first = int(follower.stdout.readline().decode().removeprefix("line-"))
    before = set(numbers(wharfd.docker("logs", id).out.decode()))
    wharfd.wharf("logs", "--clear", id)
    kept = numbers(wharfd.docker("logs", id).out.decode())
    assert not set(kept) & before
    cleared = kept[0] if kept else first
    wait_until(lambda: len(numbers(wharfd.docker("logs", id).out.decode())) > 10, "it is written on")
    for _ in range(3):
        assert wharfd.request("DELETE", f"{API}/containers/{id}/logs").status == 204
    wharfd.docker("kill", id)
    output, _ = follower.communicate(timeout=60)
    followed = [first, *numbers(output.decode())]
    # What it had not read when it was cleared it never sees; it sees nothing twice, and all that came later.
    assert followed == sorted(set(followed)) and followed[-1] > cleared and len(followed) > 10
    assert wharfd.request("DELETE", f"{API}/containers/{id}/logs").status == 204
    assert wharfd.docker("logs", id).out == b"" and not list(directory.glob("*.log*"))
    wharfd.docker("start", id)
    wait_until(lambda: numbers(wharfd.docker("logs", id).out.decode())[:2] == [0, 1], "it begins again")


def test_what_cannot_be_cleared_is_said(wharfd: Wharfd) -> None:
    id = wharfd.docker("create", "--log-driver", "none", "busybox", "true").text
    answer = wharfd.request("DELETE", f"{API}/containers/{id}/logs")
    assert (answer.status, answer.message) == (501, "configured logging driver does not support reading")
    assert wharfd.request("DELETE", f"{API}/containers/nobody/logs").status == 404
    both = wharfd.wharf("logs", "--clear", "-f", id, check=False)
    assert both.code == 1 and "--follow makes no sense" in both.error


def test_clearing_may_be_cut_off_at_any_moment(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd()
    bounds = ("--log-opt", "max-size=2k", "--log-opt", "max-file=3")
    for victim in ("daemon", "shim"):
        id = wharfd.docker("run", "-d", *bounds, "busybox", "sh", "-c", COUNTING).text
        wait_until(lambda id=id: len(numbers(wharfd.docker("logs", id).out.decode())) > 30, "lines")
        shim = shim_of(wharfd, id)
        with contextlib.suppress(OSError):
            connection = wharfd.connect()
            connection.sendall(f"DELETE {API}/containers/{id}/logs HTTP/1.1\r\nHost: d\r\n\r\n".encode())
        if victim == "daemon":
            wharfd.kill9()
            wharfd.start()
            wait_until(lambda id=id: bool(numbers(wharfd.docker("logs", id).out.decode())), "it is written on")
        else:
            os.kill(shim, signal.SIGKILL)
            wait_until(lambda id=id: not wharfd.state(id)["Running"], "no container runs unwatched")
        kept = numbers(wharfd.docker("logs", id).out.decode())
        assert kept == list(range(kept[0], kept[0] + len(kept))) if kept else True
        wharfd.docker("rm", "-f", id)


def test_logs_of_every_driver_are_read_alike(wharfd: Wharfd) -> None:
    nowhere = "address=udp://127.0.0.1:1"
    for driver, options in (
        ("json-file", ()),
        ("local", ()),
        ("syslog", ("--log-opt", f"syslog-{nowhere}")),
        ("gelf", ("--log-opt", f"gelf-{nowhere}")),
    ):
        script = "for i in 1 2 3 4 5; do echo line-$i; echo err-$i >&2; sleep 0.05; done; printf unfinished"
        id = wharfd.docker("run", "-d", "--log-driver", driver, *options, "busybox", "sh", "-c", script).text
        followed = wharfd.docker("logs", "-f", id)  # until its end
        whole = wharfd.docker("logs", id)
        assert (followed.out, followed.err) == (whole.out, whole.err)
        assert whole.out == b"line-1\nline-2\nline-3\nline-4\nline-5\nunfinished"
        assert whole.err == b"err-1\nerr-2\nerr-3\nerr-4\nerr-5\n"
        last = wharfd.docker("logs", "--tail", "1", id)
        assert last.out + last.err in (b"unfinished", b"err-5\n")  # where both were there when it looked
        stamped = [line.split() for line in wharfd.docker("logs", "-t", id).out.decode().splitlines()]
        times = [time for time, _ in stamped]
        assert times == sorted(times) and all(re.fullmatch(r"[-\d]+T[:\d]+\.\d{9}Z", time) for time in times)
        since = wharfd.docker("logs", "--since", times[3], id).out
        until = wharfd.docker("logs", "--until", times[1], id).out
        # Two lines that were read at once have the same time.
        assert since.decode().split() == [line for time, line in stamped if time >= times[3]], driver
        assert until.decode().split() == [line for time, line in stamped if time <= times[1]], driver
        wharfd.docker("rm", id)
