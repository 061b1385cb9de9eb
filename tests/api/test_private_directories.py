"""What images and containers hold is not for every user of the host."""

from collections.abc import Callable

from harness.engine import missing
from harness.wharfd import Wharfd


def test_only_root_looks_into_the_data_root_and_containers_of_others_work(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    data = engine.root / "data"
    for directory in (data, data / "containers", data / "overlay2"):
        assert directory.stat().st_mode & 0o7777 == 0o710, directory
    assert (engine.root / "exec/containers").stat().st_mode & 0o7777 == 0o711
    (data / "containers").chmod(0o755)  # as an earlier version had left it
    engine.restart()
    assert (data / "containers").stat().st_mode & 0o7777 == 0o710
    script = "cat /etc/hostname && touch /v/x && ls -l /v && id -u"
    for runtime in (name for name in ("crun", "runc") if not missing([name])):
        ran = engine.docker(
            "run", "--rm", "--runtime", runtime, "-u", "1000", "--tmpfs", "/v", "busybox", "sh", "-c", script
        )
        assert ran.text.splitlines()[-1] == "1000"
