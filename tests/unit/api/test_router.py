"""From request lines to operations."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.api.head import BadHead
from wharf.api.messages import Request, Response
from wharf.api.router import Found, Operation, Router


def handler(engine: Any, request: Request) -> Response:
    return Response()


ROUTER = Router(
    [
        Operation("GET", "/things/json", handler),
        Operation("GET", "/things/{name}/json", handler),
        Operation("GET", "/things/{name}/attach/ws", handler),
        Operation("DELETE", "/things/{name}", handler),
    ]
)


def found(method: str, target: str) -> Found:
    result = ROUTER.find(method, target.encode())
    assert isinstance(result, Found), result
    return result


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("/things/json", {}),
        ("/v1.41/things/json", {}),
        ("http://host/things/json", {}),
        ("/things/a/json", {"name": "a"}),
        ("/things/a/b:5/c/json", {"name": "a/b:5/c"}),
        ("/things/a%2Fb/json", {"name": "a/b"}),
        ("/things/%C3%A9/json?x=1", {"name": "é"}),
        ("/things/json/json", {"name": "json"}),
        ("/things/a/attach/ws", {"name": "a"}),
    ],
)
def test_found(target: str, names: dict[str, str]) -> None:
    assert found("GET", target).names == names
    assert found("GET", target) == found("GET", target)


def test_a_literal_path_is_a_name_where_the_method_differs() -> None:
    assert found("DELETE", "/things/json").names == {"name": "json"}


@pytest.mark.parametrize(
    "target", ["/", "/things", "/thing/json", "/v1.41", "/v1.41/", "/things/json/", "/vx/things/json"]
)
def test_not_found(target: str) -> None:
    result = ROUTER.find("GET", target.encode())
    assert isinstance(result, Response) and result.status == 404


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("//things/json", "/things/json"),
        ("/things/../things/json?a=1", "/things/json?a=1"),
        ("/./things//json/", "/things/json/"),
        ("//evil.example/x", "/evil.example/x"),
    ],
)
def test_an_unclean_path_is_redirected(target: str, location: str) -> None:
    result = ROUTER.find("GET", target.encode())
    assert isinstance(result, Response) and result.status == 301
    assert result.headers == (("Location", location),)


def test_a_broken_query_is_refused() -> None:
    result = ROUTER.find("GET", b"/things/json?a=%zz")
    assert isinstance(result, Response) and result.status == 400


@given(st.binary(max_size=40))
def test_any_target_has_an_answer(target: bytes) -> None:
    try:
        assert isinstance(ROUTER.find("GET", b"/" + target), Response | Found)
    except BadHead:
        pass


def test_memory_does_not_grow_with_request_lines() -> None:
    router = Router([Operation("GET", "/x", handler)])
    for n in range(2000):
        router.find("GET", b"/x?%d" % n)
    assert len(router._remembered) < 1000
