import pytest

from wharf.errors import InvalidArgument
from wharf.spec.platform import Platform, best, platform_of_machine

HOST = Platform("linux", "amd64")


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/amd64", Platform("linux", "amd64")),
        ("linux/x86_64", Platform("linux", "amd64")),
        ("linux/arm64/v8", Platform("linux", "arm64")),
        ("linux/arm", Platform("linux", "arm", "v7")),
        ("linux/armhf", Platform("linux", "arm", "v7")),
        ("linux/arm/6", Platform("linux", "arm", "v6")),
        ("arm64", Platform("linux", "arm64")),
        ("linux", HOST),
    ],
)
def test_platforms(text: str, platform: Platform) -> None:
    assert Platform.parse(text, HOST) == platform
    assert Platform.parse(str(platform), HOST) == platform


@pytest.mark.parametrize("text", ["", "a/b/c/d", "linux/", "no such", "vax"])
def test_platforms_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        Platform.parse(text, HOST)


@pytest.mark.parametrize(
    ("machine", "name"),
    [("x86_64", "linux/amd64"), ("aarch64", "linux/arm64"), ("armv7l", "linux/arm/v7"), ("armv6l", "linux/arm/v6")],
)
def test_machines(machine: str, name: str) -> None:
    assert str(platform_of_machine(machine)) == name


def test_an_older_arm_will_do_but_no_newer_one() -> None:
    offered = [(Platform("linux", "arm", version), version) for version in ("v5", "v6", "v7")]
    assert best(Platform("linux", "arm", "v6"), offered) == "v6"
    assert best(Platform("linux", "arm", "v7"), offered[:2]) == "v6"
    assert best(Platform("linux", "arm", "v5"), offered[1:]) is None
    assert best(HOST, offered) is None
