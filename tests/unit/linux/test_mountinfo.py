from wharf.linux import mountinfo

TABLE = """\
22 27 0:21 / / rw,relatime - ext4 /dev/vda rw
30 22 0:30 / /mnt rw shared:5 - tmpfs t rw
31 30 0:31 / /mnt/a\\040b rw master:5 propagate_from:2 - xfs x rw
32 22 0:32 / /mntx rw shared:7 master:5 - tmpfs t rw
33 30 0:33 / /mnt rw - tmpfs over rw
"""


def test_what_a_path_is_on() -> None:
    entries = mountinfo.parse(TABLE)
    assert mountinfo.containing(entries, "/mnt/a b/c").fstype == "xfs"
    assert mountinfo.containing(entries, "/mnty").point == "/"
    assert mountinfo.containing(entries, "/mntx").shared and mountinfo.containing(entries, "/mntx").slave
    assert not mountinfo.containing(entries, "/mnt/z").shared  # the later one hides the earlier


def test_groups() -> None:
    by_point = {entry.point: (entry.shared, entry.slave) for entry in mountinfo.parse(TABLE)[:3]}
    assert by_point == {"/": (False, False), "/mnt": (True, False), "/mnt/a b": (False, True)}
