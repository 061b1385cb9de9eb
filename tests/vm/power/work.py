"""In the machine: starts the engine on the disk that it finds, tells what is there, then works until the power goes.

`python -m vm.power.work DEVICE FILESYSTEM JOURNAL SEED`. Each line of the journal is a JSON object: first `seen`, and
what is there `now`; then `begin` and `end` for each step (ledger.py); `trouble` when something did not go as it must.
"""

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from harness import images
from harness.engine import API, wait_until
from harness.wharfd import Wharfd
from vm.power.ledger import Step, World, after, choose

PLACE: Final = Path("/data")
#: They belong to no step, and are there from the first boot to the last.
IMAGE: Final = "busybox:latest"
STEADY: Final = "steady"
#: The container of a step that is about a volume.
WRITER: Final = "writer"


class Refused(Exception):
    """The engine did not do what it must."""


class Work:
    """A client that asks for one thing after the other."""

    def __init__(self, engine: Wharfd) -> None:
        self._engine = engine

    def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self._engine.request(method, f"{API}{path}", body)
        if answer.status >= 400:
            raise Refused(f"{method} {path}: {answer.status} {answer.body.decode(errors='replace')}")
        return answer.body

    def run(self, name: str, script: str, *binds: str, **host: object) -> None:
        """A container that runs `script` to its end."""
        config = {"Image": IMAGE, "Cmd": ["sh", "-ec", script], "HostConfig": {"Binds": binds, **host}}
        self.ask("POST", f"/containers/create?name={name}", config)
        waits = self._engine.docker_process("wait", name) if host.get("AutoRemove") else None
        self.ask("POST", f"/containers/{name}/start")
        if waits is not None:
            waits.communicate(timeout=240)
            wait_until(lambda: name not in self.containers(), "the container is removed", timeout=40)
        elif (code := json.loads(self.ask("POST", f"/containers/{name}/wait"))["StatusCode"]) != 0:
            raise Refused(f"{name} ended with {code}")

    def containers(self) -> list[str]:
        listed = json.loads(self.ask("GET", "/containers/json?all=1"))
        return [one["Names"][0].removeprefix("/") for one in listed if STEADY not in one["Names"][0]]

    def volumes(self) -> list[str]:
        return [one["Name"] for one in json.loads(self.ask("GET", "/volumes"))["Volumes"] if one["Name"] != STEADY]

    def images(self) -> list[str]:
        listed = json.loads(self.ask("GET", "/images/json"))
        tags = [tag.removesuffix(":latest") for one in listed for tag in one["RepoTags"]]
        return [tag for tag in tags if tag != "busybox"]

    # ── steps ──

    def do(self, step: Step) -> None:
        name, other = step.name, step.other
        match step.what:
            case "volume create":
                self.ask("POST", "/volumes/create", {"Name": name})
            case "volume write":
                self.run(WRITER, _written("/v", step.files), f"{name}:/v")
                self.ask("DELETE", f"/containers/{WRITER}")
            case "volume remove":
                self.ask("DELETE", f"/volumes/{name}")
            case "volume prune":
                self.ask("POST", '/volumes/prune?filters={"all":["true"]}')
            case "volume rename":
                self.ask("POST", f"/volumes/{name}/rename?name={other}")
            case "volume clone":
                self.ask("POST", f"/volumes/{name}/clone?name={other}")
            case "volume import":
                self.ask("POST", f"/volumes/{name}/import", _archive(step.files))
            case "anonymous volume":
                self.run("throwaway", "echo 1 >/anonymous/file; sync", "/anonymous", AutoRemove=True)
            case "container run":
                self.run(name, _written("/", step.files))
            case "container rename":
                self.ask("POST", f"/containers/{name}/rename?name={other}")
            case "container remove":
                self.ask("DELETE", f"/containers/{name}?v=1")
            case "image load":
                self._engine.request("POST", f"{API}/images/load", _image(name))
            case "image remove":
                self.ask("DELETE", f"/images/{name}")

    # ── what is there ──

    def tidy(self) -> None:
        """What a step had that was cut off can be removed."""
        if WRITER in self.containers():
            self.ask("DELETE", f"/containers/{WRITER}")

    def seen(self) -> World:
        """All that is listed, and what it holds, as containers see it: what cannot be used is not there."""
        return World(self._in_volumes(), self._in_containers(), self._in_images())

    def _in_volumes(self) -> dict[str, dict[str, str]]:
        names = self.volumes()
        binds = [word for name in names for word in ("-v", f"{name}:/v/{name}")]
        show = "for f in /v/*/*; do if [ -e $f ]; then echo $f $(cat $f); fi; done"
        listed = self._engine.docker("run", "--rm", *binds, IMAGE, "sh", "-c", show)
        found: dict[str, dict[str, str]] = {name: {} for name in names}
        for line in listed.text.splitlines():
            path, _, text = line.partition(" ")
            _, _, name, file = path.split("/")
            found[name][file] = _short(text)
        return found

    def _in_containers(self) -> dict[str, dict[str, str]]:
        return {name: self._in_container(name) for name in self.containers()}

    def _in_container(self, name: str) -> dict[str, str]:
        answer = self._engine.request("GET", f"{API}/containers/{name}/archive?path=/file")
        if answer.status == 404:
            return {}
        with tarfile.open(fileobj=io.BytesIO(answer.body)) as tar:
            file = tar.extractfile("file")
            assert file is not None
            return {"file": _short(file.read().decode().strip())}

    def started_again(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """What containers hold after another run: what they stand on is there, and they write their files again."""
        for name in names:
            self.ask("POST", f"/containers/{name}/start")
            self.ask("POST", f"/containers/{name}/wait")
        return {name: self._in_container(name) for name in names}

    def _in_images(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {name: {} for name in self.images()}
        for name in found:
            shown = self._engine.docker("run", "--rm", name, "cat", "/own")
            if shown.text != name:
                raise Refused(f"the image {name} has {shown.text!r}")
        return found

    def left_over(self) -> list[str]:
        """Directories that no volume has."""
        place = PLACE / "root/volumes"
        listed = {*self.volumes(), STEADY, ".removed"}
        return [path.name for path in place.iterdir() if path.name not in listed] if place.exists() else []


def _written(directory: str, files: Mapping[str, str]) -> str:
    """A script that writes files and syncs them, and nothing else: the rest of the disk may be old."""
    return "; ".join(f"echo '{text}' | dd of={directory}/{file} conv=fsync 2>/dev/null" for file, text in files.items())


def _short(text: str) -> str:
    """As the ledger has texts: whole, or where they are long, so that they can be told apart."""
    return text if len(text) < 40 else f"{text[:8]}…{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _archive(files: Mapping[str, str]) -> bytes:
    def build(tar: tarfile.TarFile) -> None:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))

    return images.layer(build)


def _image(name: str) -> bytes:
    """Two layers: one that it shares with all, and its own."""
    return images.archive(f"{name}:latest", [images.busybox_layer(), _archive({"own": name})])


# ── the life of one boot ──


def main() -> None:
    device, file_system, journal, seed = sys.argv[1:]
    with open(journal, "wb", buffering=0) as line:  # noqa: PTH123 - a terminal

        def tell(**said: object) -> None:
            line.write(json.dumps(said).encode() + b"\n")

        try:
            live(device, file_system, int(seed), tell)
        except BaseException:
            tell(trouble=traceback.format_exc())
            raise


def live(device: str, file_system: str, seed: int, tell: Any) -> None:
    is_first = mounted(device, file_system)
    engine = Wharfd("--data-root", str(PLACE / "root"))
    engine.start()
    work = Work(engine)
    if is_first:
        engine.docker("load", input=images.busybox())
        steady = ("run", "-d", "--name", STEADY, "--restart", "always", "-v", f"{STEADY}:/v", IMAGE)
        engine.docker(*steady, "sleep", "1000000")
    work.tidy()
    seen = work.seen()
    wait_until(lambda: engine.state(STEADY)["Running"], "what always runs runs again", timeout=30)
    if left := work.left_over():
        raise Refused(f"left over of volumes: {left}")
    world = replace(seen, containers=work.started_again(seen.containers))
    tell(seen=asdict(seen), now=asdict(world))
    chance, number = random.Random(seed), seed * 1000
    while True:
        number += 1
        step = choose(world, chance, number)
        asked, step = step, shortened(step)
        tell(begin=asdict(step))
        work.do(asked)
        tell(end=number)
        world = after(world, step)


def shortened(step: Step) -> Step:
    return Step(step.what, step.name, step.other, {file: _short(text) for file, text in step.files.items()})


def mounted(device: str, file_system: str) -> bool:
    """Mounts the disk; whether it is a new one, on which a file system had to be made."""
    PLACE.mkdir(exist_ok=True)
    is_new = subprocess.run(["blkid", device], capture_output=True, check=False).returncode != 0
    if is_new:
        subprocess.run([f"mkfs.{file_system}", "-q", device], check=True)
    subprocess.run(["mount", device, PLACE], check=True)
    if is_new:
        os.sync()
    return is_new


if __name__ == "__main__":
    main()
