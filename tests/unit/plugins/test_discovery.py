import socket
from pathlib import Path

import pytest

from wharf.errors import EngineError, InvalidArgument
from wharf.plugins.discovery import Address, Roots, Tls, parse_json, parse_spec


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    for name in ("run", "etc", "lib"):
        (tmp_path / name).mkdir()
    return Roots((tmp_path / "run",), (tmp_path / "etc", tmp_path / "lib"))


def listen(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def test_where_a_plugin_is_looked_for(roots: Roots) -> None:
    run, (etc, lib) = roots.sockets[0], roots.specs
    listen(run / "one.sock")
    listen(run / "two/two.sock")
    (run / "no.sock").write_text("a file")
    (etc / "three.spec").write_text("tcp://10.0.0.1:80\n")
    (lib / "four").mkdir()
    (lib / "four/four.json").write_text('{"Addr": "https://plugin:1"}')
    (lib / "one.spec").write_text("tcp://10.0.0.2:80")
    assert roots.find("one") == Address("one", f"unix://{run}/one.sock")
    assert roots.find("two") == Address("two", f"unix://{run}/two/two.sock")
    assert roots.find("three") == Address("three", "tcp://10.0.0.1:80")
    assert roots.find("four") == Address("four", "https://plugin:1")
    assert roots.find("no") is None
    assert set(roots.names()) >= {"one", "two", "three", "four"}


@pytest.mark.parametrize("name", ["../run/one", "", ".", "a/b", "a\0b", "-x"])
def test_no_name_leads_elsewhere(roots: Roots, name: str) -> None:
    listen(roots.sockets[0] / "one.sock")
    assert roots.find(name) is None


def test_directories_that_are_not_there_hold_nothing() -> None:
    assert Roots((Path("/nowhere"),), (Path("/nowhere"),)).names() == []


def test_a_file_with_tls() -> None:
    tls = '{"InsecureSkipVerify": true, "CAFile": "/ca", "KeyFile": "/k"}'
    text = f'{{"Name": "x", "Addr": "https://h:1", "TLSConfig": {tls}}}'
    assert parse_json("x", text) == Address("x", "https://h:1", Tls(False, "/ca", "", "/k"))


@pytest.mark.parametrize("text", ["", "nothing", "ftp://x", "unix://relative", "file:///etc/passwd"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidArgument, match="unknown protocol"):
        parse_spec("x", text)


def test_a_file_that_makes_no_sense_is_told(roots: Roots) -> None:
    (roots.specs[0] / "x.json").write_text("{")
    (roots.specs[0] / "y.json").write_text('{"Addr": 3}')
    for name in "xy":
        with pytest.raises(EngineError):
            roots.find(name)
