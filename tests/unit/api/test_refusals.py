"""What this engine has not, and how it says so."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wharf.api.body import Body, LengthFraming
from wharf.api.engine_port import Engine
from wharf.api.errors import describe
from wharf.api.messages import Request, Response
from wharf.api.router import Found, Router
from wharf.api.routes.table import operations

ENGINE = cast(Engine, SimpleNamespace())
NO_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)


def ask(method: str, path: str) -> tuple[int, Any]:
    found = Router(operations()).find(method, path.encode())
    assert isinstance(found, Found), path
    body = Body(LengthFraming(0), wanted=lambda: None, room=lambda: None)
    request = Request(method, found.path, found.names, found.query, {}, found.version, body)
    try:
        answer = found.operation.handler(ENGINE, request)
    except Exception as error:
        status, text = describe(error)
        return status.value, text
    assert isinstance(answer, Response)
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("path", ["/build", "/images/registry.example/team/app/push"])
def test_images_are_neither_built_nor_pushed(path: str) -> None:
    status, message = ask("POST", path)
    assert status == 501 and "not supported yet" in message


@pytest.mark.parametrize(
    "line",
    ["GET /swarm", "GET /nodes", "GET /services/x/logs", "GET /tasks", "POST /secrets/create", "DELETE /configs/x"],
)
def test_only_managers_answer(line: str) -> None:
    assert ask(*line.split()) == (503, NO_MANAGER)


def test_leaving_a_swarm_that_is_none() -> None:
    assert ask("POST", "/swarm/leave") == (503, "This node is not part of a swarm")
    assert ask("POST", "/swarm/init")[0] == 501
