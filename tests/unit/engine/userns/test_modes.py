import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.engine.userns import modes
from wharf.engine.userns.modes import Auto, Fixed, Host, Inherit, KeepId, SharedWith
from wharf.errors import InvalidArgument
from wharf.spec.id_mapping import IdMapping, IdRange


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("", Inherit()),
        ("host", Host()),
        ("auto", Auto(65536)),
        ("auto:size=1000", Auto(1000)),
        ("container:db", SharedWith("db")),
        ("keep-id:host-uid=1000", KeepId(1000, 1000, 1000, 1000)),
        ("keep-id:uid=5,gid=6,size=100,host-uid=1000,host-gid=1001", KeepId(1000, 1001, 5, 6, 100)),
    ],
)
def test_what_can_be_asked_for(text: str, mode: modes.Mode) -> None:
    assert modes.parse(text) == mode


def test_a_map_is_written_range_by_range_and_groups_follow_the_users() -> None:
    asked = modes.parse("map:uidmapping=0:200000:1000,uidmapping=1000:1000:1")
    uids = (IdRange(0, 200_000, 1000), IdRange(1000, 1000, 1))
    assert asked == Fixed(IdMapping(uids, uids))
    asked = modes.parse("map:uidmapping=0:200000:1000,gidmapping=0:300000:5")
    assert asked == Fixed(IdMapping((IdRange(0, 200_000, 1000),), (IdRange(0, 300_000, 5),)))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("private", "invalid USER mode: private"),
        ("auto:", "invalid USER mode"),
        ("container:", "invalid USER mode"),
        ("hostile", "invalid USER mode"),
        ("auto:size=0", "at least 1"),
        ("auto:size=-1", "not a number"),
        ("auto:size=١", "not a number"),
        ("auto:size=99999999999", "not a number"),
        ("auto:size=1,size=2", "twice"),
        ("auto:uid=1", "unknown option 'uid'"),
        ("auto:1000", "not name=value"),
        ("keep-id", "whose id to keep"),
        ("keep-id:host-uid=0", "host's root"),
        ("keep-id:host-uid=5,host-gid=0", "host's root"),
        ("keep-id:host-uid=5,uid=65536", "not among 65536 ids"),
        ("map", "nobody"),
        ("map:uidmapping=0:0:1", "host's root"),
        ("map:uidmapping=0:1000", "CONTAINER:HOST:SIZE"),
        ("map:uids=0:1000:1", "unknown option"),
    ],
)
def test_what_cannot_be_asked_for(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        modes.parse(text)


@given(st.text(max_size=60))
def test_no_text_makes_anything_else_than_a_mode_or_a_refusal(text: str) -> None:
    for prefix in ("", "auto:", "keep-id:", "map:uidmapping="):
        try:
            modes.parse(prefix + text)
        except InvalidArgument as error:
            assert len(str(error)) < 1000
