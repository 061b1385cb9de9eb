from typing import Any

import pytest

from wharf.apitypes.containers import (
    BindOptions,
    ContainerConfig,
    HostConfig,
    ImageMountOptions,
    Mount,
    TmpfsOptions,
    VolumeOptions,
)
from wharf.engine.containers import mounts
from wharf.engine.containers.mount_request import MountRequest
from wharf.errors import InvalidArgument


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


def test_an_image_volume_gives_way() -> None:
    config = ContainerConfig(volumes={"/data": {}, "/other": {}})
    found = mounts.requests(config, HostConfig(binds=["/src:/data"]))
    assert [(request.kind, request.target) for request in found] == [("bind", "/data"), ("volume", "/other")]


def mount(type: str = "bind", source: str = "", target: str = "/a", **more: Any) -> HostConfig:
    return HostConfig(mounts=[Mount(type=type, source=source, target=target, **more)])


# Each as Docker 28.5 tells it.
@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("x:/", """: invalid mount config for type "volume": invalid specification: destination can't be '/'"""),
        ("/x:y", """: invalid mount config for type "bind": invalid mount path: 'y' mount path must be absolute"""),
        (":/a", ""),
        ("/tmp:", ""),
        ("a:b:c:d", ""),
        ("/tmp:ro", ""),
        ("/a:ro", ""),
        ("/a:/b:nocopy", """: invalid mount config for type "bind": field VolumeOptions must not be specified"""),
        ("vol:/a:shared", """: invalid mount config for type "volume": field BindOptions must not be specified"""),
        ("/", """: invalid mount config for type "volume": invalid specification: destination can't be '/'"""),
        ("x:/a/../..", """: invalid mount config for type "volume": invalid specification: destination can't be '/'"""),
    ],
)
def test_binds_that_are_refused(spec: str, words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        mounts.requests_of(HostConfig(binds=[spec]))
    assert str(refused.value) == f"invalid volume specification: '{spec}'{words}"


@pytest.mark.parametrize(
    "mode", ["rw,ro", "foo", "ro,ro", "rro", "ro,z,Z", "consistent,cached", "shared,rslave", "ro-non-recursive"]
)
def test_modes_that_are_refused(mode: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        mounts.requests_of(HostConfig(binds=[f"/tmp:/a:{mode}"]))
    assert str(refused.value) == f"invalid mode: {mode}"


@pytest.mark.parametrize("spec", ["ro:/a", "vol:/a:nocopy,z,ro", "/tmp:/a:ro,Z,rslave,delegated"])
def test_binds_that_are_fine(spec: str) -> None:
    (request,) = mounts.requests_of(HostConfig(binds=[spec]))
    assert request.target == "/a" and request.read_only == (",ro" in spec or ":ro," in spec)


CONFLICT = "mount options conflict: "
FORCE = BindOptions(read_only_force_recursive=True)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (mount(target=""), "field Target must not be empty"),
        (mount(), "field Source must not be empty"),
        (mount(source="x"), "invalid mount path: 'x' mount path must be absolute"),
        (mount(source="/x", target="a"), "invalid mount path: 'a' mount path must be absolute"),
        (mount(source="/x", target="/"), "invalid specification: destination can't be '/'"),
        (mount(source="/x", bind_options=BindOptions(propagation="foo")), "invalid propagation mode: foo"),
        (mount(source="/x", bind_options=FORCE), f"{CONFLICT}!ReadOnly && BindOptions.ReadOnlyForceRecursive"),
        (mount("volume", read_only=True), "must not set ReadOnly mode when using anonymous volumes"),
        (
            mount("volume", volume_options=VolumeOptions(subpath="x")),
            "must not set Subpath when using anonymous volumes",
        ),
        (mount("tmpfs", "x"), "field Source must not be specified"),
        (mount("tmpfs", tmpfs_options=TmpfsOptions(options=[["uid", "3"]])), "invalid option: uid"),
        (mount("tmpfs", tmpfs_options=TmpfsOptions(options=[["exec", "x"]])), 'invalid tmpfs option "exec"'),
        (mount("tmpfs", tmpfs_options=TmpfsOptions(options=[["a", "b", "c"]])), "invalid option array length"),
        (mount("tmpfs", tmpfs_options=TmpfsOptions(size_bytes=-1)), 'invalid tmpfs option "size=-1"'),
        (mount(source="/x", image_options=ImageMountOptions()), "field ImageOptions must not be specified"),
        (mount("image"), "field Source must not be empty"),
        (mount("npipe", "x"), "mount type unknown"),
        (mount("cluster", "x"), "mount type unknown"),
        (mount(""), "mount type unknown"),
        *(
            (
                mount("volume", "v", volume_options=VolumeOptions(subpath=path)),
                "subpath must be a relative path within the volume",
            )
            for path in ("../x", "/x", "a/../../x")
        ),
    ],
)
def test_mounts_that_are_refused(host: HostConfig, words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        mounts.requests_of(host)
    assert str(refused.value) == f'invalid mount config for type "{host.mounts[0].type}": {words}'


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (mount("volume", bind_options=BindOptions()), 'BindOptions must not be specified on mount type "volume"'),
        (
            mount(source="/x", volume_options=VolumeOptions()),
            'VolumeOptions must not be specified on mount type "bind"',
        ),
        (HostConfig(tmpfs={"/": ""}), "invalid specification: destination can't be '/'"),
        (HostConfig(tmpfs={"x": ""}), "invalid mount path: 'x' mount path must be absolute"),
        (HostConfig(tmpfs={"/a": "foo"}), 'invalid tmpfs option "foo"'),
        (HostConfig(tmpfs={"/a": "huge=always"}), 'invalid tmpfs option "huge"'),
        *(
            (HostConfig(tmpfs={"/a": word}), f'invalid tmpfs option "{word}"')
            for word in ("size=bogus", "size=", "size=-1", "size=1kb", "mode=999", "uid=x", "gid=-1", "nr_inodes=q")
        ),
        (HostConfig(binds=["/a:/b", "/c:/b/"]), "Duplicate mount point: /b"),
        (HostConfig(binds=["/t:/a"], tmpfs={"/a": ""}), "Duplicate mount point: /a"),
    ],
)
def test_requests_that_are_refused(host: HostConfig, words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        mounts.requests_of(host)
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "volumes-from specification cannot be an empty string"),
        ("c:foo", "invalid mode: foo"),
        ("a:b:c", "invalid mode: b:c"),
        ("a:ro,rw", "invalid mode: ro,rw"),
    ],
)
def test_volumes_from_that_are_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        list(mounts.volumes_from([text]))
    assert str(refused.value) == words


@pytest.mark.parametrize(
    "word", ["size=50%", "size=64m", "size=0x100000", "mode=01777", "nr_inodes=10k", "mpol=bind:0"]
)
def test_values_that_tmpfs_takes(word: str) -> None:
    (request,) = mounts.requests_of(HostConfig(tmpfs={"/a": word}))
    assert word in request.options


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (HostConfig(tmpfs={"/proc/scsi": ""}), '"/proc/scsi" cannot be mounted because it is inside /proc'),
        (HostConfig(binds=["/tmp:/x/../proc"]), '"/proc" cannot be mounted because it is not of type proc'),
        (HostConfig(binds=["/proc:/proc/self"]), '"/proc/self" cannot be mounted because it is inside /proc'),
        (mount("volume", "v", "/proc/sys"), '"/proc/sys" cannot be mounted because it is inside /proc'),
    ],
)
def test_nothing_hides_the_kernels_proc(host: HostConfig, words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        mounts.requests_of(host)
    assert str(refused.value).endswith(words)
    with pytest.raises(InvalidArgument):
        mounts.requests(ContainerConfig(volumes={"/proc/sys": {}}), HostConfig())


def test_what_may_be_in_place_of_a_file_of_proc() -> None:
    host = HostConfig(binds=["/lxcfs/meminfo:/proc/meminfo", "/proc:/proc", "/x:/process"])
    assert [request.target for request in mounts.requests_of(host)] == ["/proc/meminfo", "/proc", "/process"]


def test_of_options_about_the_same_the_last_one_holds() -> None:
    (request,) = mounts.requests_of(HostConfig(tmpfs={"/a": "size=1m,size=2m,ro,exec,defaults,uid=3,shared"}))
    assert request.options == ("nosuid", "nodev", "size=2m", "ro", "exec", "uid=3", "shared") and request.read_only


@pytest.mark.parametrize(
    ("options", "recursive", "depth"),
    [
        (BindOptions(), True, "usual"),
        (FORCE, True, "all"),
        (BindOptions(read_only_non_recursive=True), True, "top"),
        (BindOptions(non_recursive=True), False, "top"),
    ],
)
def test_how_far_a_bind_is_read_only(options: BindOptions, recursive: bool, depth: str) -> None:
    (request,) = mounts.requests_of(mount(source="/x", read_only=True, bind_options=options))
    assert (request.recursive, request.depth) == (recursive, depth)


def test_only_binds_have_owners_to_map() -> None:
    host = HostConfig(binds=["/x:/a", "v:/v"], idmaps={"/v": ""})
    with pytest.raises(InvalidArgument, match="nothing is bound there"):
        mounts.requests(ContainerConfig(), host)
