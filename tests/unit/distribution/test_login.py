"""Credentials tried at a registry in this process."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.distribution.endpoints import login_endpoints
from wharf.distribution.login import log_in
from wharf.errors import EngineError, InvalidArgument, Unauthenticated

RIGHT = "Basic " + base64.b64encode(b"me:secret").decode()


@dataclass
class Door:
    """A registry of which only the entrance was built."""

    scheme: str = "basic"  # or "bearer", or "" for one that lets everyone in
    status: int = 401  # what a wrong password is answered with
    port: int = 0
    tokens_asked: list[web.Request] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            return await self._token(request)
        assert request.path == "/v2/"
        wanted = {"basic": RIGHT, "bearer": "Bearer t0ken"}.get(self.scheme)
        if wanted is None or request.headers.get("Authorization") == wanted:
            return web.json_response({})
        challenges = {"basic": 'Basic realm="x"', "bearer": f'Bearer realm="http://{self.address}/token",service="s"'}
        return web.Response(status=self.status, headers={"WWW-Authenticate": challenges[self.scheme]})

    async def _token(self, request: web.Request) -> web.Response:
        self.tokens_asked.append(request)
        form = await request.post()
        if request.headers.get("Authorization") == RIGHT or form.get("refresh_token") == "kept":
            return web.json_response({"token": "t0ken", "refresh_token": "kept"})
        error = {"code": "UNAUTHORIZED", "message": "incorrect username or password"}
        return web.json_response({"errors": [error]}, status=401)


@asynccontextmanager
async def open_door(scheme: str, status: int = 401) -> AsyncIterator[Door]:
    door = Door(scheme, status)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", door.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    door.port = runner.addresses[0][1]
    try:
        yield door
    finally:
        await runner.cleanup()


def attempt(scheme: str, auth: RegistryAuth, *, form: str = "{}", status: int = 401) -> tuple[str, Door]:
    async def run() -> tuple[str, Door]:
        async with open_door(scheme, status) as door:
            asked = RegistryAuth(
                auth.username, auth.password, auth.identity_token, server_address=form.format(door.address)
            )
            return await log_in(asked, RegistryConfig()), door

    return asyncio.run(run())


ME = RegistryAuth("me", "secret")


@pytest.mark.parametrize("form", ["{}", "http://{}", "https://{}/v2/", "http://{}/v1/"])
def test_the_right_password_opens_however_the_registry_is_written(form: str) -> None:
    assert attempt("basic", ME, form=form)[0] == ""


def test_a_registry_without_a_lock_takes_everyone() -> None:
    assert attempt("", ME)[0] == ""


def test_a_token_server_gives_something_to_keep() -> None:
    token, door = attempt("bearer", ME)
    (request,) = door.tokens_asked
    assert token == "kept"
    assert request.query["offline_token"] == "true" and request.query["account"] == "me"
    assert "scope" not in request.query


def test_what_was_kept_opens_too() -> None:
    assert attempt("bearer", RegistryAuth("me", "", "kept"))[0] == "kept"


def test_a_wrong_password_is_refused() -> None:
    with pytest.raises(Unauthenticated, match=r"^login attempt to http://.*/v2/ failed with status: 401 Unauthorized$"):
        attempt("basic", RegistryAuth("me", "wrong"))
    with pytest.raises(Unauthenticated, match="incorrect username or password"):
        attempt("bearer", RegistryAuth("me", "wrong"))


def test_no_password_is_no_login() -> None:
    with pytest.raises(EngineError, match="no basic auth credentials"):
        attempt("basic", RegistryAuth())


def test_a_broken_registry_refuses_nobody() -> None:
    with pytest.raises(EngineError, match="failed with status: 503 Service Unavailable") as caught:
        attempt("basic", ME, status=503)
    assert not isinstance(caught.value, Unauthenticated)


def test_nobody_there() -> None:
    with pytest.raises(EngineError, match="connection refused"):
        asyncio.run(log_in(RegistryAuth("me", "secret", server_address="127.0.0.1:1"), RegistryConfig()))


@pytest.mark.parametrize("name", ["", "docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"])
def test_a_password_for_docker_hub_goes_to_no_mirror(name: str) -> None:
    config = RegistryConfig(mirrors=("https://mirror.example",))
    assert [one.url for one in login_endpoints(name, config)] == ["https://registry-1.docker.io"]


@pytest.mark.parametrize("name", ["a b", "user@host", "host:port", "[::1", "host?x", "\r\nhost"])
def test_what_is_no_address(name: str) -> None:
    with pytest.raises(InvalidArgument):
        login_endpoints(name, RegistryConfig())


@pytest.mark.parametrize("name", ["reg.example", "reg.example:5000", "[::1]:5000", "localhost"])
def test_addresses(name: str) -> None:
    assert login_endpoints(name, RegistryConfig())[0].url == f"https://{name}"
