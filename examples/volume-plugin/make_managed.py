#!/usr/bin/env python3
"""Makes of plugin.py what `docker plugin create` wants: a directory with config.json and rootfs/.

    make_managed.py /tmp/shelf
    docker plugin create shelf /tmp/shelf
    docker plugin enable shelf

The root file system holds this machine's Python, the libraries that it is linked with, and the modules that plugin.py
has imported: it is made in a moment, and without network.
"""

import importlib
import json
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent / "plugin.py"
LIBRARY = f"usr/lib/python{sys.version_info.major}.{sys.version_info.minor}"
VOLUMES = "/mnt/volumes"  # where the plugin has them; the engine finds there what the plugin mounts
CONFIG = {
    "description": "A shelf: volumes that are directories, and who uses them",
    "documentation": "https://docs.docker.com/engine/extend/plugins_volume/",
    "entrypoint": ["/usr/bin/python3", "/plugin.py", "--socket", "/run/docker/plugins/shelf.sock", "--root", VOLUMES],
    "env": [
        {"name": "PYTHONHOME", "description": "Where Python's own modules are", "value": "/usr", "settable": []},
        {
            "name": "SHELF_MODE",
            "description": "Mode of volumes made without one",
            "value": "0755",
            "settable": ["value"],
        },
    ],
    "interface": {"socket": "shelf.sock", "types": ["docker.volumedriver/1.0"]},
    "network": {"type": "none"},
    "propagatedMount": VOLUMES,
}


def make(target: Path) -> None:
    """Raises FileExistsError where there is one already."""
    root = target / "rootfs"
    root.mkdir(parents=True)
    target.joinpath("config.json").write_text(json.dumps(CONFIG, indent=4))
    shutil.copy(PROGRAM, root / "plugin.py")
    for directory in ("proc", "sys", "dev", "etc", "tmp", "run/docker/plugins", VOLUMES.lstrip("/")):
        root.joinpath(directory).mkdir(parents=True)
    for source, inside in interpreter():
        place = root / inside.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)


def interpreter() -> Iterator[tuple[str, str]]:
    """Each file that is needed to run plugin.py: where it is here, and where there."""
    python = str(Path(sys.executable).resolve())
    yield python, "/usr/bin/python3"
    runpy.run_path(str(PROGRAM))
    importlib.import_module("traceback")  # which its server imports when it fails
    extensions = []
    for name, module in list(sys.modules.items()):
        parent, _, own = name.rpartition(".")
        for directory in getattr(sys.modules.get(parent), "__path__", ()):
            # One that puts another in its place, as collections.abc does since Python 3.13, is not in the list itself.
            if (source := Path(directory, f"{own}.py")).exists():
                yield str(source), f"/{LIBRARY}/{parent.replace('.', '/')}/{source.name}"
        file = getattr(module, "__file__", None) or ""
        package = getattr(module, "__package__", None) or ""
        if file.endswith(".py") and module.__name__ != "__main__":
            yield file, f"/{LIBRARY}/{package.replace('.', '/')}/{Path(file).name}"
        elif file.endswith(".so"):
            extensions.append(file)
            yield file, f"/{LIBRARY}/lib-dynload/{Path(file).name}"
    for library in linked_with(python, *extensions):
        yield library, library


def linked_with(*programs: str) -> set[str]:
    """The shared libraries that programs are loaded with, and what loads them."""
    listing = subprocess.run(["ldd", *programs], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"^\t(?:\S+ => )?(/\S+) \(0x", listing, re.MULTILINE))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} DIRECTORY")
    make(Path(sys.argv[1]))
