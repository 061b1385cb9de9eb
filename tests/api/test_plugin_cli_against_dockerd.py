"""`wharf plugin` and docker's own command line, side by side against a real dockerd: same output, errors and codes."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.dockerd import Dockerd
from harness.engine import Ran
from harness.managed_plugin import make_plugin
from harness.registry import Registry

pytestmark = pytest.mark.peer

WHARF = str(Path(sys.executable).parent / "wharf")
DIGEST = f"sha256:{'0' * 64}"
NAMED = "127.0.0.1:5000/me/shelf"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A plugin's directory, with privileges to ask for. Its content is new: dockerd refuses what it is deleting."""
    made = make_plugin(tmp_path / "shelf")
    (made / "rootfs/new").write_text(str(tmp_path))
    config = json.loads((made / "config.json").read_text())
    config |= {"network": {"type": "host"}, "linux": {"capabilities": ["CAP_SYS_TIME", "CAP_SYSLOG"]}}
    (made / "config.json").write_text(json.dumps({**config, "description": str(tmp_path)}))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def recent() -> bool:
    """Whether docker's command line is of version 28 or later, whose texts are ours."""
    version = subprocess.run(["docker", "--version"], capture_output=True, text=True, check=True).stdout
    major = re.search(r"version (\d+)", version)
    return major is not None and int(major[1]) >= 28


@pytest.fixture
def plugin(dockerd: Dockerd, directory: Path) -> str:
    """A plugin that is not enabled."""
    dockerd.docker("plugin", "create", "shelf", str(directory))
    return "shelf"


@pytest.fixture(autouse=True)
def no_plugin_stays(dockerd: Dockerd) -> Iterator[None]:
    yield
    for id in dockerd.docker("plugin", "ls", "-q").text.split():
        dockerd.docker("plugin", "rm", "-f", id)


def wharf(engine: Dockerd, *arguments: str, answer: bytes = b"") -> Ran:
    return engine.docker("plugin", *arguments, program=WHARF, check=False, input=answer)


def in_our_words(text: str) -> str:
    """docker also logs that an archive of which the daemon has seen enough could not be sent to its end."""
    text = re.sub(r"^time=.*\n", "", text, flags=re.MULTILINE)
    return text.replace("docker plugin", "wharf plugin").replace("docker:", "wharf:")


# What changes nothing.
SAME = [
    ("ls",),
    ("ls", "--no-trunc"),
    ("ls", "-q"),
    ("ls", "-q", "--no-trunc"),
    ("ls", "--format", "json"),
    ("ls", "--format", "{{.ID}} {{.Name}} {{.Enabled}} {{.PluginReference}} {{.Description}}"),
    ("ls", "--format", "table {{.Name}}\\t{{.PluginReference}}"),
    ("ls", "--format", "{{.Nothing}}"),
    ("list", "-f", "enabled=true"),
    ("ls", "--filter", "enabled=false", "--filter", "capability=volumedriver"),
    ("ls", "--filter", "capability=authz"),
    ("ls", "--filter", "nonsense=1"),
    ("ls", "extra"),
    ("inspect", "shelf"),
    ("inspect", "shelf:latest", "nothing"),
    ("inspect", "-f", "{{.Id}} {{.Config.PropagatedMount}} {{.Settings.Env}} {{.Enabled}}", "shelf"),
    ("inspect", "-f", "{{json .Config.Interface}}", "shelf", "nothing"),
    ("inspect",),
    ("enable", "nothing"),
    ("enable", "--timeout", "-1", "shelf"),
    ("enable", "--timeout", "x", "shelf"),
    ("enable", "shelf", "extra"),
    ("disable", "nothing"),
    ("disable", "shelf"),
    ("set", "shelf", "PYTHONHOME=/x"),
    ("set", "shelf", "NOTHING=1"),
    ("set", "shelf"),
    ("set", "nothing", "a=b"),
    ("rm", "nothing", "neither"),
    ("rm",),
    ("create", "shelf"),
    ("create", "Bad Name", "."),
    ("create", "another", "/nonexistent"),
    ("create", "another", "/etc/passwd"),
    ("create", "another", "/proc/self"),
    ("create", "another", "/etc"),
    ("push", "nothing"),
    ("push", f"shelf@{DIGEST}"),
    ("install",),
    ("install", "Bad Name"),
    ("install", "--alias", "Bad Name", "x"),
    ("install", "--alias", f"a@{DIGEST}", "x"),
    ("install", "127.0.0.1:1/x"),
    ("upgrade", "nothing"),
    ("upgrade", "shelf", "Bad Name"),
    ("upgrade", "shelf", "127.0.0.1:1/x"),
    ("upgrade", "--skip-remote-check", "shelf", "127.0.0.1:1/x"),
]


def test_same_texts_and_exit_codes(dockerd: Dockerd, plugin: str, recent: bool) -> None:
    for arguments in SAME:
        theirs = dockerd.docker("plugin", *arguments, check=False)
        ours = wharf(dockerd, *arguments)
        assert (ours.out, ours.code) == (theirs.out, theirs.code), arguments
        if recent:
            assert ours.error == in_our_words(theirs.error), arguments
        else:
            assert bool(ours.error) == bool(theirs.error), arguments


def test_a_life(dockerd: Dockerd, directory: Path, plugin: str) -> None:
    assert wharf(dockerd, "create", "me/another", str(directory)) == Ran(0, b"me/another\n", b"")
    again = wharf(dockerd, "create", "me/another", str(directory))
    assert (again.code, again.error) == (1, "Error response from daemon: plugin me/another:latest already exists")
    assert wharf(dockerd, "set", "me/another", "SHELF_MODE=0700") == Ran(0, b"", b"")
    assert wharf(dockerd, "enable", "--timeout", "5", "me/another") == Ran(0, b"me/another\n", b"")
    shown = dockerd.docker("plugin", "inspect", "-f", "{{.Enabled}} {{.Settings.Env}}", "me/another").text
    assert shown == "true [PYTHONHOME=/usr SHELF_MODE=0700]"
    assert wharf(dockerd, "enable", "me/another").code == 1
    dockerd.docker("volume", "create", "-d", "me/another", "books")
    used = wharf(dockerd, "disable", "me/another")
    assert (used.code, used.error) == (1, "Error response from daemon: plugin me/another:latest is in use")
    dockerd.docker("volume", "rm", "books")
    assert wharf(dockerd, "disable", "me/another") == Ran(0, b"me/another\n", b"")
    assert wharf(dockerd, "rm", "me/another", "shelf") == Ran(0, b"me/another\nshelf\n", b"")


def without_progress(ran: Ran) -> Ran:
    return Ran(ran.code, re.sub(rb"^[0-9a-f]{12}: .*\n", b"", ran.out, flags=re.MULTILINE), ran.err)


def installed(engine: Dockerd, program: str, answer: bytes, *arguments: str) -> tuple[Ran, str]:
    """What `plugin install` says but for its layers' progress, and what there is then, which is removed."""
    ran = engine.docker("plugin", "install", *arguments, program=program, input=answer, check=False)
    found = engine.docker("plugin", "ls", "--format", "{{.Name}} {{.Enabled}} {{.PluginReference}}").text
    for id in engine.docker("plugin", "ls", "-q").text.split():
        engine.docker("plugin", "rm", "-f", id)
    return without_progress(ran), found


def test_through_a_registry(dockerd: Dockerd, directory: Path, tmp_path: Path, recent: bool) -> None:
    """Who says no gets nothing; each program asks, and tells, the same."""
    with Registry(dockerd.network, tmp_path):
        dockerd.docker("plugin", "create", NAMED, str(directory))
        pushed = wharf(dockerd, "push", NAMED)
        assert (pushed.code, pushed.error) == (0, "") and "Upload complete" in pushed.text
        dockerd.docker("plugin", "rm", NAMED)
        for answer, *arguments in (
            (b"n\n", NAMED),
            (b"y\n", NAMED, "SHELF_MODE=0711"),
            (b"y\n", "--alias", "mine", "--disable", NAMED),
            (b"", "--grant-all-permissions", NAMED, "NOTHING=1"),
        ):
            (theirs, left), ours = (installed(dockerd, name, answer, *arguments) for name in ("docker", WHARF))
            assert ours == (theirs if recent else ours[0], left), arguments
        wharf(dockerd, "install", "--grant-all-permissions", NAMED)
        assert wharf(dockerd, "upgrade", NAMED).error == "the plugin must be disabled before upgrading"
        dockerd.docker("plugin", "disable", NAMED)
        upgraded = [
            without_progress(dockerd.docker("plugin", "upgrade", NAMED, input=b"y\n", program=program))
            for program in ("docker", WHARF)
        ]
        assert upgraded[0] == upgraded[1] or not recent
