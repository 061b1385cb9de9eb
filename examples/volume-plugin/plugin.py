#!/usr/bin/env python3
"""A volume plugin in one file: each volume is a directory, and every container that uses it is written down.

    plugin.py --socket /run/docker/plugins/shelf.sock --root /srv/shelf
    docker volume create -d shelf --opt mode=0750 books
    docker run -v books:/books …

The protocol: https://docs.docker.com/engine/extend/plugins_volume/. Each request is a POST with a JSON object, each
answer a JSON object whose "Err" is empty or says what went wrong. Needs nothing but Python 3.11.
"""

import argparse
import json
import os
import shutil
import signal
import socketserver
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

Answer = dict[str, Any]


class Refused(Exception):
    """What the engine, and its user, are told."""


class Shelf:
    """The volumes. All that is known is on the disk, so that a plugin that starts again goes on where it was."""

    def __init__(self, root: Path, mode: str) -> None:
        self.root = root
        self.mode = mode  # of volumes that are made without one
        self.root.mkdir(parents=True, exist_ok=True)

    def create(self, name: str, options: dict[str, str]) -> None:
        if unknown := sorted(options.keys() - {"mode"}):
            raise Refused(f"unknown option {unknown[0]}")
        place = self._place(name)
        place.joinpath("users").mkdir(parents=True, exist_ok=True)
        place.joinpath("data").mkdir(exist_ok=True)
        place.joinpath("data").chmod(int(options.get("mode", self.mode), 8))

    def remove(self, name: str) -> None:
        place = self._known(name)
        if users := self.users(name):
            raise Refused(f"volume {name} is used by {', '.join(users)}")
        shutil.rmtree(place)

    def mount(self, name: str, user: str) -> Path:
        (self._known(name) / "users" / user).touch()
        return self._place(name) / "data"

    def unmount(self, name: str, user: str) -> None:
        (self._known(name) / "users" / user).unlink(missing_ok=True)

    def users(self, name: str) -> list[str]:
        return sorted(path.name for path in (self._place(name) / "users").iterdir())

    def describe(self, name: str) -> Answer:
        place = self._known(name)
        created = datetime.fromtimestamp(place.stat().st_ctime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {"users": len(self.users(name))}
        return {"Name": name, "Mountpoint": str(place / "data"), "CreatedAt": created, "Status": status}

    def names(self) -> list[str]:
        return sorted(path.name for path in self.root.iterdir())

    def _place(self, name: str) -> Path:
        if "/" in name or name in ("", ".", ".."):
            raise Refused(f"no name for a volume: {name!r}")
        return self.root / name

    def _known(self, name: str) -> Path:
        if not (place := self._place(name)).is_dir():
            raise Refused(f"no such volume: {name}")
        return place


class Handler(BaseHTTPRequestHandler):
    shelf: Shelf
    lock = threading.Lock()  # one request at a time touches the shelf

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            with self.lock:
                answer = self.answer(json.loads(body or b"{}"))
        except (Refused, OSError, ValueError) as error:
            answer = {"Err": str(error)}
        data = json.dumps({"Err": "", **answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.docker.plugins.v1.2+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def answer(self, asked: Answer) -> Answer:
        name, user = asked.get("Name", ""), asked.get("ID", "")
        match self.path:
            case "/Plugin.Activate":
                return {"Implements": ["VolumeDriver"]}
            case "/VolumeDriver.Capabilities":
                return {"Capabilities": {"Scope": "local"}}
            case "/VolumeDriver.Create":
                self.shelf.create(name, asked.get("Opts") or {})
            case "/VolumeDriver.Remove":
                self.shelf.remove(name)
            case "/VolumeDriver.Mount":
                return {"Mountpoint": str(self.shelf.mount(name, user))}
            case "/VolumeDriver.Unmount":
                self.shelf.unmount(name, user)
            case "/VolumeDriver.Path" | "/VolumeDriver.Get":
                volume = self.shelf.describe(name)
                return {"Mountpoint": volume["Mountpoint"], "Volume": volume}
            case "/VolumeDriver.List":
                return {"Volumes": [self.shelf.describe(one) for one in self.shelf.names()]}
            case _:
                raise Refused(f"unknown request {self.path}")
        return {}

    def address_string(self) -> str:
        return "engine"  # a unix socket has no address to be looked up

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing: the answers tell what goes wrong."""


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def main() -> None:
    parser = argparse.ArgumentParser(description="A volume plugin whose volumes are directories")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    options = parser.parse_args()
    options.socket.parent.mkdir(parents=True, exist_ok=True)
    options.socket.unlink(missing_ok=True)
    Handler.shelf = Shelf(options.root, os.environ.get("SHELF_MODE", "0755"))
    os.umask(0o077)  # whoever may write to the socket decides what root mounts
    # The first process of a container ends at a signal only where it has said what is to be done.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with Server(str(options.socket), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
