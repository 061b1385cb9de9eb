"""Containers in the namespaces of others."""

import pytest

from harness.engine import missing
from harness.wharfd import Wharfd

RUNTIMES = [name for name in ("crun", "runc") if not missing([name])]


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(("option", "kind", "what"), [("--network", "net", "network"), ("--pid", "pid", "PID")])
def test_a_container_joins_the_namespace_of_another(
    wharfd: Wharfd, runtime: str, option: str, kind: str, what: str
) -> None:
    first = wharfd.docker("run", "-d", "busybox", "sleep", "1000").text
    expected = wharfd.docker("exec", first, "readlink", f"/proc/self/ns/{kind}").text
    arguments = ("run", "--rm", "--runtime", runtime, option, f"container:{first}", "busybox")
    assert wharfd.docker(*arguments, "readlink", f"/proc/self/ns/{kind}").text == expected
    wharfd.docker("kill", first)
    refused = wharfd.docker(*arguments, "true", check=False)
    assert refused.code == 125
    assert f"cannot join {what} of a non running container: {first}" in refused.error
