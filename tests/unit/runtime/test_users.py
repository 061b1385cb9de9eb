import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.errors import InvalidArgument
from wharf.runtime.users import User, resolve

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
# a comment
daemon:x:1:1::/usr/sbin:/usr/sbin/nologin
web:x:1000:1000:Web,,,:/home/web:/bin/sh
broken line
2000:x:3000:3000::/home/number:/bin/sh
short:x:7:8
"""
GROUP = """\
root:x:0:
daemon:x:1:
web:x:1000:
audio:x:29:web,daemon
video:x:44:web
"""


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("", User(0, 0, (0,), "/root")),
        ("root", User(0, 0, (0,), "/root")),
        ("web", User(1000, 1000, (1000, 29, 44), "/home/web")),
        ("1000", User(1000, 1000, (1000, 29, 44), "/home/web")),
        ("web:audio", User(1000, 29, (29,), "/home/web")),
        ("web:5", User(1000, 5, (5,), "/home/web")),
        ("4242", User(4242, 0, (0,), "/")),
        ("4242:4243", User(4242, 4243, (4243,), "/")),
        ("2000", User(3000, 3000, (3000,), "/home/number")),
        ("short", User(7, 8, (8,), "/")),
    ],
)
def test_users(text: str, user: User) -> None:
    assert resolve(text, PASSWD, GROUP) == user


def test_groups_are_added_once() -> None:
    assert resolve("web", PASSWD, GROUP, ["video", "7", "7"]).additional_gids == (1000, 29, 44, 7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nobody", "unable to find user nobody: no matching entries in passwd file"),
        ("web:staff", "unable to find group staff: no matching entries in group file"),
        ("-1", "uids and gids must be in range 0-2147483647"),
        ("0:-1", "uids and gids must be in range 0-2147483647"),
        ("a:b:c", "unable to find user a: no matching entries in passwd file"),
        ("9999999999", "uids and gids must be in range 0-2147483647"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        resolve(text, PASSWD, GROUP)


@given(st.text(), st.text(), st.text())
def test_any_text_gives_a_user_or_our_error(text: str, passwd: str, group: str) -> None:
    try:
        user = resolve(text, passwd, group)
    except InvalidArgument:
        return
    assert user.uid >= 0
    assert user.gid >= 0


@pytest.mark.parametrize("number", ["\u00b2", "9" * 5000, "2147483648", "-1", ""])
def test_numbers_in_an_image_that_are_none_are_passed_over(number: str) -> None:
    passwd = f"odd:x:{number}:0::/odd:/bin/sh\nme:x:7:8::/me:/bin/sh\n"
    group = f"odd:x:{number}:me\nmine:x:9:me\n"
    assert resolve("me", passwd, group) == User(7, 8, (8, 9), "/me")
