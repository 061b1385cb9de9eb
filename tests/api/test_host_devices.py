"""What containers are given of the host's devices stays the host's."""

from pathlib import Path

from harness.wharfd import Wharfd

#: An id that no other test uses: the machine's device nodes are shared with all who run there.
USER = 54_321


def test_the_hosts_null_device_is_not_given_to_a_containers_user(wharfd: Wharfd) -> None:
    # crun 1.8 gives stdio to the container's user, whatever it is.
    ran = wharfd.docker("run", "-d", "--name", "box", "-u", f"{USER}", "busybox", "sleep", "600")
    assert ran.text
    wharfd.docker("exec", "-u", f"{USER}", "box", "true")
    wharfd.docker("exec", "-d", "-u", f"{USER}", "box", "true")
    null = Path("/dev/null").stat()
    assert null.st_uid != USER
    # It is still a null device for the container.
    script = "echo lost >&0; cat <&0; stat -L -c %t,%T /proc/self/fd/0"
    assert wharfd.docker("exec", "box", "sh", "-c", script).text == "1,3"
