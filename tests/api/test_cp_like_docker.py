"""`wharf cp` beside `docker cp`, at the same engine: what is where afterwards, exit codes and words."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.wharfd import Wharfd

#: What both sides begin with, made by a shell in the container and here.
TREE = (
    "mkdir -p dir/sub other empty; echo one >dir/file; echo two >dir/sub/deep; echo three >file; echo four >other/file;"
    "ln -s dir link; ln -s file linkfile; ln -s nowhere broken; ln -s other/missing newlink; ln -s ../file dir/up;"
    "ln -s loop loop; chmod 750 dir; find . -exec touch -h -d '2001-02-03 04:05:06' {} +"
)
TO_CONTAINER = [
    ("file", "new/"),
    ("file", "file/"),
    ("file", "missing/new"),
    ("file", "link"),
    ("file", "linkfile"),
    ("file", "broken"),
    ("dir", "new"),
    ("dir", "file"),
    ("dir/.", "new"),
    ("link/", "new"),
    ("-L linkfile", "dir"),
    ("-L broken", "new"),
    ("file/", "new"),
    ("dir/file/sub", "new"),
    ("file", "loop"),
]
FROM_CONTAINER = [
    ("file", "new/"),
    ("file", "dir/."),
    ("file", "file/"),
    ("file", "linkfile"),
    ("file", "newlink"),
    ("dir", "other/"),
    ("dir", "file"),
    ("dir/.", "new"),
    ("link/.", "new"),
    ("-L linkfile", "dir"),
    ("other", "dir/sub/../.."),
]


def tree(top: Path) -> list[str]:
    """Every entry: kind, mode, what it holds or leads to; times to the second of files."""
    found = []
    for path in sorted(top.rglob("*")):
        name = str(path.relative_to(top))
        if path.is_symlink():
            found.append(f"{name} -> {path.readlink()}")
        elif path.is_dir():
            found.append(f"{name}/ {path.stat().st_mode:o}")
        else:
            found.append(f"{name} {path.stat().st_mode:o} {path.read_text()!r} {int(path.stat().st_mtime)}")
    return found


class Side:
    """One of the two programs, with a directory here and one in the container, which is bound there."""

    def __init__(self, engine: Wharfd, program: str, here: Path, there: Path) -> None:
        self.engine, self.program, self.here, self.there = engine, program, here, there

    def fresh(self) -> None:
        for top in (self.here, self.there):
            shutil.rmtree(top, ignore_errors=True)
            top.mkdir(parents=True)
            subprocess.run(["sh", "-c", TREE], cwd=top, check=True)

    def copy(self, arguments: list[str]) -> tuple[int, str]:
        run = self.engine.docker if self.program == "docker" else self.engine.wharf
        ran = run("cp", *arguments, check=False)
        # Docker's client may tell of its own pipe as well, which its other half has closed: it depends on the moment.
        lines = [line for line in ran.error.splitlines() if not line.startswith("time=")]
        words = (lines or [""])[-1].replace(str(self.here), "HERE")
        return ran.code, words.replace(f"/both/{self.program}", "/both/THERE")


def results(side: Side, source: str, target: str, *, into: bool) -> tuple[int, str, list[str], list[str]]:
    side.fresh()
    *flags, path = source.split()
    inside = f"box:/both/{side.program}"
    if into:
        arguments = [*flags, f"{side.here}/{path}", f"{inside}/{target}"]
    else:
        arguments = [*flags, f"{inside}/{path}", f"{side.here}/{target}"]
    code, words = side.copy(arguments)
    return code, words, tree(side.there), tree(side.here)


def test_the_same_as_docker(wharfd: Wharfd, tmp_path: Path) -> None:
    version = re.search(r"version (\d+)", wharfd.docker("--version").text)
    if version is None or int(version[1]) < 28:
        pytest.skip("docker's command line is older than 28, and has other texts")
    docker, wharf = (
        Side(wharfd, name, tmp_path / "here" / name, tmp_path / "there" / name) for name in ("docker", "wharf")
    )
    (tmp_path / "there").mkdir()
    wharfd.docker("run", "-d", "--name", "box", "-v", f"{tmp_path}/there:/both", "busybox", "sleep", "600")
    for into, cases in ((True, TO_CONTAINER), (False, FROM_CONTAINER)):
        for source, target in cases:
            theirs, ours = (results(side, source, target, into=into) for side in (docker, wharf))
            assert ours == theirs, (source, target, into)
