import pytest

from wharf.errors import InvalidArgument
from wharf.runtime.failure import CommandNotRunnable, RuntimeFailed, explain, explain_exec


@pytest.mark.parametrize(
    ("runtime", "text", "code", "words"),
    [
        ("/usr/bin/crun", "executable file `foo` not found in $PATH: No such file or directory", 127,
         'crun: unable to start container process: exec: "foo": executable file not found in $PATH'),
        ("/usr/bin/crun", "executable file `/foo` not found in $PATH: No such file or directory", 127,
         'exec: "/foo": stat /foo: no such file or directory'),
        ("/usr/bin/crun", "open executable: Permission denied", 126, 'exec: "command": permission denied'),
        ("/usr/bin/crun", "open executable: Operation not permitted", 126, 'exec: "command": permission denied'),
        ("/usr/sbin/runc", 'runc run failed: exec: "foo": executable file not found in $PATH',
         127, "executable file not found in $PATH"),
        ("/usr/sbin/runc", 'runc run failed: exec: "/f": stat /f: no such file or directory',
         127, "no such file or directory"),
        ("/usr/sbin/runc", 'runc run failed: exec: "/f": permission denied',
         126, "permission denied"),
        ("/usr/bin/crun", "exec container process `/f`: Permission denied", 126, 'exec: "/f": permission denied'),
        ("/usr/bin/crun", "exec container process (missing dynamic library?) `/f`: No such file or directory", 127,
         'exec: "/f": no such file or directory'),
        ("/usr/sbin/runc", "exec /a: b: exec format error", 126, 'exec: "/a: b": exec format error'),
        ("/usr/sbin/runc", 'standard_init_linux.go:228: exec user process caused: "no such file or directory"', 127,
         'exec: "command": no such file or directory'),
    ],
)  # fmt: skip
def test_the_command_is_to_blame(runtime: str, text: str, code: int, words: str) -> None:
    error = explain(runtime, text, "command")
    assert isinstance(error, CommandNotRunnable)
    assert isinstance(error, InvalidArgument)
    assert error.exit_code == code
    assert words in str(error)


def test_anything_else_is_the_runtimes_failure() -> None:
    error = explain("/usr/bin/crun", "mount `proc` to `/proc`: Operation not permitted")
    assert type(error) is RuntimeFailed
    assert error.exit_code == 128
    assert not isinstance(error, InvalidArgument)
    assert str(error) == (
        "failed to create task for container: failed to create shim task: OCI runtime create failed: "
        "crun: mount `proc` to `/proc`: Operation not permitted: unknown"
    )


def test_an_apparmor_profile_that_is_not_there_is_told_as_runc_does() -> None:
    error = explain("/usr/bin/crun", "write file `/proc/thread-self/attr/exec`: No such file or directory")
    assert type(error) is RuntimeFailed
    assert "apparmor failed to apply profile: write /proc/thread-self/attr/exec: no such file or directory" in str(
        error
    )


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("exec: Permission denied", 126, 'exec: "command": permission denied'),
        ("exec: No such file or directory", 127, 'exec: "command": no such file or directory'),
        ("exec /f: exec format error", 126, 'exec: "/f": exec format error'),
        ("exec failed: unable to start container process: eaccess /f: permission denied", 126,
         'exec: "/f": permission denied'),
    ],
)  # fmt: skip
def test_an_execs_command_is_to_blame(text: str, code: int, words: str) -> None:
    error = explain_exec(text, "command")
    assert isinstance(error, CommandNotRunnable)
    assert error.exit_code == code
    assert str(error) == (f"OCI runtime exec failed: exec failed: unable to start container process: {words}: unknown")


@pytest.mark.parametrize(
    "text",
    [
        "mount `/etc/passwd` to `etc`: Not a directory",
        'runc create failed: error mounting "/tmp" to rootfs at "/etc/passwd": mount: not a directory: unknown',
    ],
)
def test_a_file_on_a_directory_is_the_requests_fault(text: str) -> None:
    error = explain("/usr/bin/crun", text, "true")
    assert isinstance(error, InvalidArgument) and error.exit_code == 127
    assert str(error).endswith("Check if the specified host path exists and is the expected type")
    assert not isinstance(explain("/usr/bin/crun", "open `/x/y`: Not a directory", "true"), InvalidArgument)
