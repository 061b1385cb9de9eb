"""Whom a container runs as: an image's files may be large, and other requests do not wait for that."""

import asyncio
from pathlib import Path
from typing import Any, cast

from harness.records import recorded
from wharf.engine.config import EngineConfig
from wharf.engine.containers.surroundings import LARGE_TEXT, Host

LAST = b"last:x:1234:1234::/:/bin/sh\n"
CONTAINER = recorded("c" * 64)


class Files:
    """Snapshots of which every one has this passwd, and no other file."""

    def __init__(self, passwd: bytes) -> None:
        self.passwd = passwd

    def of(self, _id: str) -> "Files":
        return self

    def read_file(self, path: str) -> bytes | None:
        return self.passwd if path == "/etc/passwd" else None


def test_others_go_on_while_a_large_file_is_searched(tmp_path: Path) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def find() -> tuple[int, int]:
        files = Files(b"a:b:0:0\n" * (LARGE_TEXT // 8) + LAST)
        host = Host.read(EngineConfig(data_root=tmp_path), cast(Any, files))
        beside = asyncio.create_task(others())
        await asyncio.sleep(0)
        before = turns
        user = await host.user(CONTAINER, "last")
        beside.cancel()
        return user.uid, turns - before

    uid, others_had = asyncio.run(find())
    assert uid == 1234 and others_had > 0
