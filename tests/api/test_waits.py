"""Who waits for a container is told, however it ends and whoever else acts on it."""

import json
from http.client import HTTPResponse

from harness.engine import API
from harness.wharfd import Wharfd


class Waiting:
    """A request that waits. It is registered when this is made, since the answer's head comes at once."""

    def __init__(self, engine: Wharfd, id: str, condition: str) -> None:
        self._connection = engine.connect()
        request = (
            f"POST {API}/containers/{id}/wait?condition={condition} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        self._connection.sendall(request.encode())
        self._response = HTTPResponse(self._connection)
        self._response.begin()
        assert self._response.status == 200

    def code(self) -> int:
        """The exit code, when it comes."""
        with self._connection:
            return int(json.loads(self._response.read())["StatusCode"])


def create(engine: Wharfd, *command: str, **host: object) -> str:
    body = {"Image": "busybox", "Cmd": list(command), "HostConfig": host}
    return str(engine.request("POST", f"{API}/containers/create", body).json["Id"])


def test_all_that_end_at_once_and_are_removed_by_themselves_or_by_others(wharfd: Wharfd) -> None:
    waiting = []
    for number in range(8):
        id = create(wharfd, "sh", "-c", f"exit {number}", AutoRemove=number % 2 == 0)
        waiting.append((number, id, Waiting(wharfd, id, "next-exit"), Waiting(wharfd, id, "removed")))
    for _, id, _, _ in waiting:
        assert wharfd.request("POST", f"{API}/containers/{id}/start").status == 204
    for number, id, ended, removed in waiting:
        assert ended.code() == number
        if number % 2:
            assert wharfd.request("DELETE", f"{API}/containers/{id}").status == 204
        assert removed.code() == number


def test_a_removal_by_force_of_one_that_removes_itself(wharfd: Wharfd) -> None:
    for _ in range(5):
        id = create(wharfd, "sleep", "1000", AutoRemove=True)
        wharfd.request("POST", f"{API}/containers/{id}/start")
        waiting = [Waiting(wharfd, id, condition) for condition in ("next-exit", "removed", "not-running")]
        assert wharfd.request("DELETE", f"{API}/containers/{id}?force=1").status == 204
        assert [one.code() for one in waiting] == [137, 137, 137]
        assert wharfd.request("POST", f"{API}/containers/{id}/wait").status == 404


def test_one_that_cannot_start_says_why(wharfd: Wharfd) -> None:
    id = create(wharfd, "/no/such")
    assert wharfd.request("POST", f"{API}/containers/{id}/start").status == 400
    answer = wharfd.request("POST", f"{API}/containers/{id}/wait").json
    assert answer["StatusCode"] == 127
    assert "no such file or directory" in answer["Error"]["Message"]


def test_restarts_are_exits_but_no_end(wharfd: Wharfd) -> None:
    id = create(wharfd, "sh", "-c", "sleep 0.3; exit 3", RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 1})
    exit = Waiting(wharfd, id, "next-exit")
    wharfd.request("POST", f"{API}/containers/{id}/start")
    end = Waiting(wharfd, id, "not-running")
    assert (exit.code(), end.code()) == (3, 3)
    inspected = wharfd.inspect(id)
    assert (inspected["State"]["Status"], inspected["RestartCount"]) == ("exited", 1)
