import os

import pytest

from wharf.cli.commands.container.user_namespaces import asked, is_mode

ME = f"host-uid={os.getuid()},host-gid={os.getgid()}"


@pytest.mark.parametrize("text", ["", "host", "auto", "auto:size=5", "keep-id", "map:uidmapping=0:1:1", "container:db"])
def test_modes_that_the_engine_may_know(text: str) -> None:
    assert is_mode(text)


@pytest.mark.parametrize("text", ["private", "auto:", "container", "container:", "host:x", "keep-id:", "keepid"])
def test_modes_that_no_engine_knows(text: str) -> None:
    assert not is_mode(text)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("auto", "auto"),
        ("keep-id", f"keep-id:{ME}"),
        ("keep-id:uid=5", f"keep-id:uid=5,{ME}"),
        ("keep-id:host-uid=7", "keep-id:host-uid=7"),
    ],
)
def test_whose_id_is_kept_is_said_to_the_engine(text: str, sent: str) -> None:
    assert asked(text, {}) == sent


@pytest.mark.skipif(os.getuid() != 0, reason="sudo makes root of somebody")
def test_behind_sudo_it_is_who_called_it() -> None:
    assert asked("keep-id", {"SUDO_UID": "1000", "SUDO_GID": "1001"}) == "keep-id:host-uid=1000,host-gid=1001"
