import json
from typing import Any

import pytest

from wharf.runtime.bundle import BundleSpec, Rlimit
from wharf.runtime.config_json import config_json
from wharf.runtime.exec_bundle import ExecSpec, home_of, process_json
from wharf.runtime.failure import CommandNotRunnable, RuntimeFailed, explain_exec
from wharf.runtime.users import User

CONTAINER = BundleSpec(
    args=("sleep", "1"),
    env=("PATH=/bin", "HOME=/home/own"),
    uid=5,
    gid=6,
    capabilities=("CAP_CHOWN", "CAP_KILL"),
    rlimits=(Rlimit("RLIMIT_NOFILE", 10, 20),),
    no_new_privileges=True,
    oom_score_adj=7,
    apparmor_profile="tight",
)


def told(**own: Any) -> Any:
    spec = ExecSpec(**{"args": ("ls", "-l"), "env": ("A=b",), "cwd": "/tmp", **own})
    return json.loads(process_json(config_json(CONTAINER), spec))


def test_what_is_not_asked_for_is_the_containers() -> None:
    assert told() == {
        "args": ["ls", "-l"],
        "env": ["A=b"],
        "cwd": "/tmp",
        "user": {"uid": 5, "gid": 6, "additionalGids": []},
        "terminal": False,
        "capabilities": {"bounding": ["CAP_CHOWN", "CAP_KILL"], "effective": [], "permitted": []},
        "noNewPrivileges": True,
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}],
        "oomScoreAdj": 7,
        "apparmorProfile": "tight",
    }


def test_root_may_use_what_the_container_may() -> None:
    process = told(user=User(0, 0, (1, 2)))
    assert process["user"] == {"uid": 0, "gid": 0, "additionalGids": [1, 2]}
    assert process["capabilities"]["effective"] == process["capabilities"]["permitted"] == ["CAP_CHOWN", "CAP_KILL"]


def test_privileged_is_everything_whoever_it_is() -> None:
    every = ["CAP_KILL", "CAP_SYS_ADMIN"]
    process = told(capabilities=tuple(every))
    assert process["capabilities"] == {"bounding": every, "effective": every, "permitted": every}
    assert process["apparmorProfile"] == "tight"  # dockerd's `exec --privileged` is held by the container's, too


def test_a_terminal_and_its_size() -> None:
    assert told(tty=True, console_size=(3, 4))["consoleSize"] == {"height": 3, "width": 4}
    assert "consoleSize" not in told(tty=True)
    assert "consoleSize" not in told(console_size=(3, 4))


def test_home() -> None:
    assert home_of(config_json(CONTAINER)) == "/home/own"
    assert home_of(config_json(BundleSpec(args=("x",), env=()))) == "/"


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("executable file `x` not found in $PATH: No such file or directory", 127,
         'exec: "x": executable file not found in $PATH'),
        ("executable file `/x` not found in $PATH: No such file or directory", 127,
         'exec: "/x": stat /x: no such file or directory'),
        ("open executable: Permission denied", 126, 'exec: "command": permission denied'),
        ("open executable: No such file or directory", 127, 'exec: "command": no such file or directory'),
        ("chdir `/no`: Permission denied", 126, 'chdir to cwd ("/no") set in config.json failed: permission denied'),
        ("chdir `/no`: No such file or directory", 127,
         'chdir to cwd ("/no") set in config.json failed: no such file or directory'),
        ('exec failed: unable to start container process: exec: "x": executable file not found in $PATH', 127,
         'exec: "x": executable file not found in $PATH'),
        ('exec failed: unable to start container process: exec: "/x": permission denied', 126,
         'exec: "/x": permission denied'),
        ('exec failed: unable to start container process: exec: "/x": stat /x: no such file or directory', 127,
         'exec: "/x": stat /x: no such file or directory'),
    ],
)  # fmt: skip
def test_the_command_is_to_blame(text: str, code: int, reason: str) -> None:
    error = explain_exec(text, "command")
    assert isinstance(error, CommandNotRunnable)
    assert str(error) == f"OCI runtime exec failed: exec failed: unable to start container process: {reason}: unknown"
    assert error.exit_code == code


def test_no_command_at_all() -> None:
    error = explain_exec("open executable: Permission denied", "")
    assert error.exit_code == 127
    assert 'exec: "": executable file not found in $PATH' in str(error)


def test_anything_else_is_the_runtimes_failure() -> None:
    error = explain_exec("cannot set limits: Operation not permitted", "x")
    assert type(error) is RuntimeFailed
    assert error.exit_code == 126
    assert str(error) == (
        "OCI runtime exec failed: exec failed: unable to start container process: "
        "cannot set limits: Operation not permitted: unknown"
    )
