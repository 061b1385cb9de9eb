"""What our client asks only of wharfd is what only wharfd has."""

import msgspec

from wharf.apitypes.containers import HostConfig
from wharf.cli.commands.container.create import OURS


def test_the_list_has_every_member_of_ours() -> None:
    ours = {
        field.encode_name
        for field in msgspec.structs.fields(HostConfig)
        if getattr(HostConfig(), field.name) is msgspec.UNSET
    }
    assert set(OURS) == ours
