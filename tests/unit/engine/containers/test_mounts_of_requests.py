import pytest

from wharf.apitypes.containers import BindOptions, ContainerConfig, HostConfig, Mount, TmpfsOptions
from wharf.engine.containers import mounts
from wharf.engine.containers.mounts import MountRequest
from wharf.errors import InvalidArgument, NotImplementedByUs


def test_a_bind_and_a_volume_differ_by_the_slash() -> None:
    bind, volume = mounts.requests_of(HostConfig(binds=["/src/../data:/in:ro,rslave", "name:/vol"]))
    assert bind == MountRequest(
        "bind", "/data", "/in", read_only=True, propagation="rslave", create_source=True, mode="ro,rslave"
    )
    assert (volume.kind, volume.source, volume.target) == ("volume", "name", "/vol")


def test_mount_options_reach_the_request() -> None:
    bind, tmpfs = mounts.requests_of(
        HostConfig(
            mounts=[
                Mount(type="bind", source="/a", target="/b", bind_options=BindOptions(non_recursive=True)),
                Mount(type="tmpfs", target="/t", tmpfs_options=TmpfsOptions(size_bytes=4096, mode=0o700)),
            ]
        )
    )
    assert not bind.recursive and not bind.create_source
    assert set(tmpfs.options) >= {"size=4096", "mode=700", "nosuid", "nodev"}


def test_tmpfs_keeps_what_the_user_wants() -> None:
    (request,) = mounts.requests_of(HostConfig(tmpfs={"/run": "exec,size=64k"}))
    assert "exec" in request.options and "noexec" not in request.options and "nosuid" in request.options


def test_a_promise_that_nothing_below_can_be_written_is_not_given_lightly() -> None:
    options = BindOptions(read_only_force_recursive=True)
    with pytest.raises(NotImplementedByUs):
        mounts.requests_of(
            HostConfig(mounts=[Mount(type="bind", source="/a", target="/b", read_only=True, bind_options=options)])
        )


def test_an_image_volume_gives_way() -> None:
    config = ContainerConfig(volumes={"/data": {}, "/other": {}})
    found = mounts.requests(config, HostConfig(binds=["/src:/data"]))
    assert [(request.kind, request.target) for request in found] == [("bind", "/data"), ("volume", "/other")]


@pytest.mark.parametrize(
    "host",
    [
        HostConfig(binds=["/a:relative"]),
        HostConfig(binds=["/a:/"]),
        HostConfig(binds=["/a:/b:zz"]),
        HostConfig(binds=["/a:/b:ro,rw"]),
        HostConfig(binds=["/a:/b:ro:x"]),
        HostConfig(binds=["/a:/b", "/c:/b/"]),
        HostConfig(mounts=[Mount(type="bind", source="a", target="/b")]),
        HostConfig(mounts=[Mount(type="tmpfs", source="a", target="/b")]),
        HostConfig(mounts=[Mount(type="weird", target="/b")]),
    ],
)
def test_nonsense_is_refused(host: HostConfig) -> None:
    with pytest.raises(InvalidArgument):
        mounts.requests_of(host)
