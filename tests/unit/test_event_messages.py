import msgspec

from wharf.apitypes.events import event_message


def test_old_clients_get_the_members_they_read() -> None:
    message = event_message(
        type="container", action="start", id="c1", attributes={"image": "busybox"}, time_ns=1_500_000_000, legacy=True
    )
    assert msgspec.json.decode(msgspec.json.encode(message)) == {
        "status": "start",
        "id": "c1",
        "from": "busybox",
        "Type": "container",
        "Action": "start",
        "Actor": {"ID": "c1", "Attributes": {"image": "busybox"}},
        "scope": "local",
        "time": 1,
        "timeNano": 1_500_000_000,
    }


def test_new_clients_get_only_the_actor() -> None:
    message = event_message(type="network", action="create", id="n1", attributes={}, time_ns=0, legacy=False)
    assert msgspec.json.decode(msgspec.json.encode(message)) == {
        "Type": "network",
        "Action": "create",
        "Actor": {"ID": "n1", "Attributes": {}},
        "scope": "local",
        "time": 0,
        "timeNano": 0,
    }
