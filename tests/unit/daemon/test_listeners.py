import os
import socket
from pathlib import Path

import pytest

from wharf.daemon import systemd
from wharf.daemon.hosts import Host, SystemdHost, TcpHost, UnixHost
from wharf.daemon.listeners import Open, open_all
from wharf.errors import Conflict, EngineError, InvalidArgument


def _open(*hosts: Host, group: str = "") -> list[Open]:
    return open_all(hosts, group, {})


def _connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def test_a_unix_socket_has_its_rights_and_goes_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "s"
    (listener,) = _open(UnixHost(path))
    assert path.stat().st_mode & 0o777 == 0o660
    assert _connects(path)
    listener.close()
    assert list(path.parent.iterdir()) == []


def test_a_path_longer_than_an_address(tmp_path: Path) -> None:
    path = tmp_path / ("d" * 100) / "wharf.sock"
    (listener,) = _open(UnixHost(path))
    assert path.is_socket()
    listener.close()


def test_a_socket_left_over_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    (listener,) = _open(UnixHost(path))
    assert _connects(path)
    listener.close()


def test_a_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    (first,) = _open(UnixHost(path))
    with pytest.raises(Conflict, match="another process serves it"):
        _open(UnixHost(tmp_path / "other"), UnixHost(path))
    assert _connects(path)
    assert not (tmp_path / "other").exists()
    first.close()


def test_a_socket_that_somebody_else_put_there_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    (first,) = _open(UnixHost(path))
    path.unlink()
    (second,) = _open(UnixHost(path))
    first.close()
    assert _connects(path)
    second.close()


def test_a_file_in_the_way_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(InvalidArgument, match="no socket"):
        _open(UnixHost(path))
    assert path.read_text() == "precious"


def test_an_unknown_group_is_an_error_unless_it_is_the_default(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="group no-such-group not found"):
        _open(UnixHost(tmp_path / "s"), group="no-such-group")


def test_tcp_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EngineError, match=f"cannot listen on tcp://127.0.0.1:{port}"):
            _open(TcpHost("127.0.0.1", port))


def test_without_activation_there_are_no_sockets_to_take() -> None:
    with pytest.raises(EngineError, match="no sockets found via socket activation"):
        _open(SystemdHost())
    environment = {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"}
    assert systemd.take_sockets(environment, os.getpid()) == {}
    assert environment == {}


def test_passed_sockets_are_chosen_by_name() -> None:
    with socket.socket() as one, socket.socket() as two:
        passed = {"a": [one], "b": [two]}
        assert [found.socket for found in open_all([SystemdHost("b")], "", passed)] == [two]
        assert [found.socket for found in open_all([SystemdHost()], "", passed)] == [one, two]


def test_notify(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "n"))
        assert systemd.notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "n")})
        assert listener.recv(100) == b"READY=1"
    assert not systemd.notify("READY=1", {})
    assert not systemd.notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})
