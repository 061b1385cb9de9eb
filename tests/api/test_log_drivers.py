"""Log drivers that send: each sends to a receiver beside the engine what dockerd sends, and `docker logs` shows it."""

import json
import re
import ssl
import zlib
from pathlib import Path

import pytest
import trustme

from harness.dockerd import Dockerd
from harness.engine import Engine, wait_until
from harness.receivers import Datagrams, Streams
from harness.wharfd import Wharfd

#: An empty line, a quote, bytes that are not UTF-8, the other stream, a line of two pieces, one without an end.
SCRIPT = r"""
printf 'one\n\ntwo "q" \303\244\377\n'; sleep 0.1; echo err >&2; sleep 0.1
head -c 16390 /dev/zero | tr '\0' x; echo; printf tail
"""
LONG = b"x" * 16384
ASKED = ("--label", "com.x-y=1", "--label", "not=asked", "-e", "E1=v")
OPTIONS = ("labels=com.x-y", "env=E1")


def run(engine: Engine, driver: str, *options: str, name: str, script: str = SCRIPT) -> str:
    arguments = [item for option in (*OPTIONS, *options) for item in ("--log-opt", option)]
    return engine.docker(
        *("run", "-d", "--net", "none", "--name", name, *ASKED, "--log-driver", driver, *arguments),
        *("busybox", "sh", "-c", script),
    ).text


def shown(wharfd: Wharfd, name: str) -> bytes:
    wharfd.docker("wait", name)
    return wharfd.docker("logs", name).out


def test_syslog_over_udp_in_its_formats(wharfd: Wharfd) -> None:
    time = rb"\w{3} [ \d]\d \d\d:\d\d:\d\d"
    second, micro = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", rb"\.\d{6}"
    zone = rb"(?:Z|[+-]\d\d:\d\d)"
    heads = {
        "": rb"%s tag-web\[\d+\]: " % time,
        "rfc3164": rb"%s \S+ tag-web\[\d+\]: " % time,
        "rfc5424": rb"1 %s%s \S+ tag-web \d+ tag-web - " % (second, zone),
        "rfc5424micro": rb"1 %s%s%s \S+ tag-web \d+ tag-web - " % (second, micro, zone),
    }
    for form, head in heads.items():
        with Datagrams(wharfd.network.path) as receiver:
            address = f"syslog-address=udp://127.0.0.1:{receiver.port}"
            more = [f"syslog-format={form}"] if form else []
            run(wharfd, "syslog", address, "syslog-facility=local2", "tag=tag-{{.Name}}", *more, name="web")
            got = receiver.wait_for(6)
            wharfd.docker("rm", "-f", "web")
        lines = [b'two "q" \xc3\xa4\xff', LONG, b"xxxxxx", b"tail"]
        assert re.fullmatch(rb"<150>%sone\n" % head, got[0]), got[0]
        assert re.fullmatch(rb"<147>%serr\n" % head, got[2]), got[2]
        for data, line in zip([got[1], *got[3:]], lines, strict=True):
            assert re.fullmatch(rb"<150>%s%s\n" % (head, re.escape(line)), data), data[:100]


def test_what_was_sent_can_be_read_unless_the_cache_is_off(wharfd: Wharfd) -> None:
    with Streams(wharfd.network.path) as receiver:
        address = f"syslog-address=tcp://127.0.0.1:{receiver.port}"
        run(wharfd, "syslog", address, name="cached")
        run(wharfd, "syslog", address, "cache-disabled=true", name="uncached")
        text = shown(wharfd, "cached")  # the bytes as they were
        assert text == b'one\n\ntwo "q" \xc3\xa4\xff\n' + b"x" * 16390 + b"\ntail"
        wharfd.docker("wait", "uncached")
        refused = wharfd.docker("logs", "uncached", check=False)
        assert refused.code == 1 and "configured logging driver does not support reading" in refused.error
        wait_until(lambda: receiver.all.count(b": tail\n") == 2, "all is sent")


def test_syslog_to_a_unix_socket(wharfd: Wharfd) -> None:
    path = wharfd.root / "log.sock"
    with Datagrams(path=path) as receiver:
        run(wharfd, "syslog", f"syslog-address=unixgram://{path}", name="web")
        assert receiver.wait_for(6)[0].startswith(b"<30>")


def test_syslog_of_this_host(wharfd: Wharfd) -> None:
    path = Path("/dev/log")
    if path.exists():
        pytest.skip("this host has a syslog daemon of its own")
    refused = wharfd.docker("run", "--rm", "--log-driver", "syslog", "busybox", "true", check=False)
    assert refused.code == 125 and "failed to initialize logging driver: Unix syslog delivery error" in refused.error
    try:
        with Datagrams(path=path) as receiver:
            run(wharfd, "syslog", "syslog-facility=mail", name="web")
            assert receiver.wait_for(6)[0].startswith(b"<22>")
    finally:
        path.unlink(missing_ok=True)


def test_syslog_over_tls(wharfd: Wharfd) -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    ours = authority.issue_cert("wharf")
    files = {name: wharfd.root / name for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(files["ca"])
    ours.cert_chain_pems[0].write_to_path(files["cert"])
    ours.private_key_pem.write_to_path(files["key"])
    with Streams(wharfd.network.path, wrap=lambda one: server.wrap_socket(one, server_side=True)) as receiver:
        shown = [f"syslog-tls-cert={files['cert']}", f"syslog-tls-key={files['key']}", "syslog-format=rfc5424"]
        address = f"syslog-address=tcp+tls://localhost:{receiver.port}"
        run(wharfd, "syslog", address, *shown, f"syslog-tls-ca-cert={files['ca']}", name="trusting")
        text = receiver.wait_for(b"tail\n")
        assert re.match(rb"(\d+) <30>1 \S+ \S+ ", text), text[:100]
        unknown = [item for option in (address, *shown) for item in ("--log-opt", option)]
        refused = wharfd.docker("run", "--log-driver", "syslog", *unknown, "busybox", "true", check=False)
        assert refused.code == 125 and "tls: " in refused.error and "certificate" in refused.error
        run(wharfd, "syslog", address, *shown, "syslog-tls-skip-verify=true", name="blind")
        wait_until(lambda: receiver.all.count(b"tail\n") == 2, "it is sent unverified")


@pytest.mark.peer
def test_what_is_sent_is_what_dockerd_sends(wharfd: Wharfd, dockerd: Dockerd) -> None:
    """All but ids, times and the sender's pid; in no order where dockerd has none."""
    for driver, address in (("syslog", "syslog-address=udp://"), ("gelf", "gelf-address=udp://")):
        found = []
        for engine in (wharfd, dockerd):
            with Datagrams(engine.network.path) as receiver:
                more = ["gelf-compression-type=none"] if driver == "gelf" else ["syslog-format=rfc3164"]
                script = "echo one; sleep 0.1; echo 'two <q> \"' >&2; sleep 0.1; printf three"
                options = (f"{address}127.0.0.1:{receiver.port}", "tag={{.Name}} {{.ImageName}}", *more)
                run(engine, driver, *options, name="web", script=script)
                got = receiver.wait_for(3)
                found.append([_comparable(driver, data) for data in got])
                engine.docker("rm", "-f", "web")
        assert found[0] == found[1]


def _comparable(driver: str, data: bytes) -> object:
    if driver == "gelf":
        return json.loads(data) | dict.fromkeys(("timestamp", "_container_id", "_created"), "")
    return re.sub(rb">.{15} (\S+) ([^\[]*)\[\d+\]", rb">TIME \1 \2[PID]", data)


def test_gelf_over_udp_is_compressed_and_chunked(wharfd: Wharfd) -> None:
    with Datagrams(wharfd.network.path) as receiver:
        address = f"gelf-address=udp://127.0.0.1:{receiver.port}"
        script = "echo hello; echo err >&2; head -c 9000 /dev/urandom | base64 -w 0; echo"
        id = run(wharfd, "gelf", address, "tag={{.Name}}/{{.ID}}", name="web", script=script)
        receiver.wait_for(3)
        wait_until(lambda: any(data.startswith(b"\x1e\x0f") for data in receiver.got), "chunks")
        packed = [data for data in receiver.got if not data.startswith(b"\x1e\x0f")]
        chunks = [data for data in receiver.got if data.startswith(b"\x1e\x0f")]
        messages = {one["short_message"]: one for one in (json.loads(zlib.decompress(data, 31)) for data in packed)}
        hello = messages["hello"]
        assert hello["version"] == "1.1" and hello["level"] == 6 and messages["err"]["level"] == 3
        assert hello["_container_id"] == id and hello["_container_name"] == "web" and hello["_image_name"] == "busybox"
        assert hello["_tag"] == f"web/{id[:12]}" and hello["_command"].startswith("sh -c echo hello")
        assert hello["_com.x-y"] == "1" and hello["_E1"] == "v" and "_not" not in hello
        assert abs(hello["timestamp"] - receiver_time(wharfd, "web")) < 60
        count = chunks[0][11]
        assert all(len(chunk) <= 1420 and chunk[2:10] == chunks[0][2:10] and chunk[11] == count for chunk in chunks)
        wait_until(lambda: len(receiver.got) == 2 + count, "all chunks")
        ordered = sorted((data for data in receiver.got if data.startswith(b"\x1e\x0f")), key=lambda data: data[10])
        whole = json.loads(zlib.decompress(b"".join(chunk[12:] for chunk in ordered), 31))
        assert whole["short_message"].encode() in wharfd.docker("logs", "web").out


def receiver_time(wharfd: Wharfd, name: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(wharfd.state(name)["StartedAt"][:26] + "+00:00").timestamp()


def test_gelf_over_tcp_ends_messages_with_nul(wharfd: Wharfd) -> None:
    with Streams(wharfd.network.path) as receiver:
        run(wharfd, "gelf", f"gelf-address=tcp://127.0.0.1:{receiver.port}", name="web")
        data = receiver.wait_for(b'"short_message":"tail"')
        wait_until(lambda: receiver.all.endswith(b"\0"), "the last NUL")
        messages = [json.loads(text) for text in receiver.all.split(b"\0")[:-1]]
        texts = [one["short_message"] for one in messages]
        assert texts == ["one", 'two "q" ä�', "err", "x" * 16384, "xxxxxx", "tail"], data[:200]


def test_journald_gets_fields(wharfd: Wharfd) -> None:
    directory = Path("/run/systemd/journal")
    made = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "socket"
    if path.exists():
        pytest.skip("this host has a journald of its own")
    try:
        with Datagrams(path=path) as receiver:
            id = run(wharfd, "journald", "tag=t-{{.Name}}", name="web")
            got = receiver.wait_for(7)
            assert len(got) == 7
            first, empty, last = got[0].split(b"\n"), got[1].split(b"\n"), got[6].split(b"\n")
            assert first[:2] == [b"PRIORITY=6", b"MESSAGE=one"] and empty[1] == b"MESSAGE="
            expected = {
                b"CONTAINER_ID=" + id[:12].encode(),
                b"CONTAINER_ID_FULL=" + id.encode(),
                b"CONTAINER_NAME=web",
                b"CONTAINER_TAG=t-web",
                b"SYSLOG_IDENTIFIER=t-web",
                b"IMAGE_NAME=busybox",
                b"COM_X_Y=1",
                b"E1=v",
                b"CONTAINER_LOG_ORDINAL=1",
            }
            assert expected <= set(first)
            assert got[3].startswith(b"PRIORITY=3\nMESSAGE=err\n")
            assert b"CONTAINER_PARTIAL_MESSAGE=true\n" in got[4] and b"CONTAINER_PARTIAL_ORDINAL=2\n" in got[5]
            assert b"CONTAINER_PARTIAL_LAST=true\n" in got[5] and b"CONTAINER_PARTIAL_LAST=false" in last
    finally:
        path.unlink(missing_ok=True)
        if made:
            directory.rmdir()


def test_fluentd_gets_records_and_acknowledges_them(wharfd: Wharfd) -> None:
    def acknowledge(data: bytes) -> bytes:
        return b"".join(b"\x81\xa3ack\xb8" + chunk for chunk in re.findall(rb"\xa5chunk\xb8(.{24})", data))

    with Streams(wharfd.network.path, answer=acknowledge) as receiver:
        options = ("fluentd-request-ack=true", "fluentd-sub-second-precision=true")
        id = run(wharfd, "fluentd", f"fluentd-address=127.0.0.1:{receiver.port}", *options, name="web")
        data = receiver.wait_for(b"\xa3log\xa4tail")
        assert data.startswith(b"\x94\xac" + id[:12].encode() + b"\xd7\x00")
        assert b"\xaccontainer_id\xd9@" + id.encode() in data and b"\xaecontainer_name\xa4/web" in data
        assert b"\xa6source\xa6stderr\xa3log\xa3err" in data and b"\xa7com.x-y\xa11" in data
        assert all(b"\xafpartial_ordinal\xa1%d" % number in data for number in (1, 2))
        assert data.count(b"\xafpartial_message\xa4true") == 3 and data.count(b"\xacpartial_last\xa4true") == 1
        assert data.count(b"\xa5chunk") == 7 and b"\xa3log\xab" + b'two "q" \xc3\xa4\xff' in data
