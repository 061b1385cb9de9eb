"""Answers of plugins, good and hostile."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from wharf.errors import Conflict
from wharf.plugins.client import PluginClient, PluginFailed, PluginSilent
from wharf.plugins.discovery import Address, Roots
from wharf.plugins.registry import Plugin, Plugins, Settings

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
NOW = timedelta(0)
SOON = timedelta(seconds=0.2)
#: For those who answer, whatever else this machine does.
IN_TIME = timedelta(minutes=1)


def saying(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    return serve


def http(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def ask(path: Path, serve: Serve, within: timedelta = IN_TIME) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        async with await asyncio.start_unix_server(serve, path / "s"):
            client = PluginClient(Address("p", f"unix://{path}/s"))
            return await client.call("VolumeDriver.Get", {"Name": "x"}, within=within, patience=NOW)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "answer",
    [
        http(b'{"a": 1, "Err": ""}'),
        b'HTTP/1.1 200 OK\r\n\r\n{"a": 1}',
        b'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n5;x=y\r\n": 1}\r\n0\r\n\r\n',
    ],
)
def test_ways_to_answer(tmp_path: Path, answer: bytes) -> None:
    assert ask(tmp_path, saying(answer))["a"] == 1


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (http(b'{"Err": "no such volume"}'), "^no such volume$"),
        (http(b'{"Err": "broken"}', "500 No"), "^VolumeDriver.Get: broken$"),
        (http(b"not found", "404 No"), "^VolumeDriver.Get: not found$"),
        (http(b"[1]"), "no JSON object"),
        (http(b"{"), "no JSON object"),
        (http(b"[" * 100_000), "no JSON object"),
        (http(b'{"Mountpoint": "/\\ud800"}'), "no JSON object"),  # nobody could write that again
        (b"SSH-2.0\r\n\r\n", "malformed HTTP response"),
        (b"HTTP/1.1 x y\r\n\r\n", "malformed HTTP response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "malformed HTTP response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "malformed HTTP response"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", "malformed HTTP response"),
    ],
)
def test_answers_that_are_none(tmp_path: Path, answer: bytes, text: str) -> None:
    with pytest.raises(PluginFailed, match=text):
        ask(tmp_path, saying(answer))


def test_who_answers_in_very_many_pieces_holds_up_nobody_else(tmp_path: Path) -> None:
    chunk = b"1\r\n \r\n"
    chunks = 20_000
    turns = 0

    async def run() -> None:
        nonlocal turns
        answer = saying(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * chunks + b"2\r\n{}\r\n0\r\n\r\n"
        )
        async with await asyncio.start_unix_server(answer, tmp_path / "s"):
            client = PluginClient(Address("p", f"unix://{tmp_path}/s"))
            asked = asyncio.create_task(client.call("VolumeDriver.Get", within=IN_TIME, patience=NOW))
            while not asked.done():
                turns += 1
                await asyncio.sleep(0)
            assert await asked == {}

    asyncio.run(run())
    assert turns > chunks


def test_silence_has_an_end(tmp_path: Path) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    with pytest.raises(PluginSilent, match="context deadline exceeded"):
        ask(tmp_path, hang, within=SOON)
    with pytest.raises(PluginSilent, match="EOF"):
        ask(tmp_path, saying(b""))


def test_a_plugin_may_have_less_time_than_its_work_usually_gets(tmp_path: Path) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def run() -> None:
        async with await asyncio.start_unix_server(hang, tmp_path / "s"):
            client = PluginClient(Address("p", f"unix://{tmp_path}/s"), limit=SOON)
            with pytest.raises(PluginSilent, match="context deadline exceeded"):
                await client.call("VolumeDriver.Get", within=timedelta(days=1), patience=NOW)

    asyncio.run(run())


def test_who_starts_late_is_waited_for(tmp_path: Path) -> None:
    async def run() -> dict[str, Any]:
        client = PluginClient(Address("p", f"unix://{tmp_path}/s"))
        asked = asyncio.create_task(client.call("Plugin.Activate", within=IN_TIME, patience=IN_TIME))
        await asyncio.sleep(0.15)
        async with await asyncio.start_unix_server(saying(http(b'{"Implements": []}')), tmp_path / "s"):
            return await asked

    assert asyncio.run(run()) == {"Implements": []}


def test_many_who_ask_wait_for_one_handshake(tmp_path: Path) -> None:
    greeted = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal greeted
        greeted += 1
        await saying(http(b'{"Implements": ["VolumeDriver", 3]}'))(reader, writer)

    async def run() -> None:
        plugins = Plugins(Settings(Roots((tmp_path,), ())))
        async with await asyncio.start_unix_server(serve, tmp_path / "one.sock"):
            found = await asyncio.gather(*(plugins.get("one") for _ in range(5)))
            assert {plugin.implements for plugin in found if plugin} == {frozenset({"VolumeDriver"})}
            assert await plugins.get("none") is None
            kinds, silent = await plugins.implementing("VolumeDriver", IN_TIME)
            assert [plugin.name for plugin in kinds] == ["one"] and silent == []

    asyncio.run(run())
    assert greeted == 1


class One:
    """Managed plugins of which there is one, and one that is disabled."""

    def __init__(self) -> None:
        self.plugin = Plugin("p:latest", PluginClient(Address("p:latest", "unix:///p")), frozenset({"VolumeDriver"}))

    def find(self, name: str) -> Plugin | None:
        if name == "off":
            raise Conflict("plugin off found but disabled")
        return self.plugin if name in ("p", "p:latest") else None

    def running(self) -> list[Plugin]:
        return [self.plugin]


def test_managed_plugins_come_first_and_are_not_greeted(tmp_path: Path) -> None:
    async def run() -> None:
        managed = One()
        plugins = Plugins(Settings(Roots((tmp_path,), ())), managed=managed)
        answer = saying(http(b'{"Implements": ["VolumeDriver"]}'))
        async with (
            await asyncio.start_unix_server(answer, tmp_path / "p.sock"),
            await asyncio.start_unix_server(answer, tmp_path / "other.sock"),
        ):
            assert await plugins.get("p") is await plugins.get("p:latest") is managed.plugin
            with pytest.raises(Conflict, match="found but disabled"):
                await plugins.get("off")
            other = await plugins.get("other:latest")
            assert other is not None and other.name == "other"
            found, _ = await plugins.implementing("VolumeDriver", timedelta(seconds=5))
            assert managed.plugin in found
            alone, _ = await plugins.unmanaged("VolumeDriver", timedelta(seconds=5))
            assert managed.plugin not in alone and "other" in {plugin.name for plugin in alone}

    asyncio.run(run())
