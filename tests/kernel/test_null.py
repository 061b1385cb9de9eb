"""The null device of our own. Needs root."""

import os
import stat
from pathlib import Path

import pytest

from wharf.linux.null import open_private_null

pytestmark = pytest.mark.kernel


def test_it_is_a_null_device_that_is_not_the_hosts() -> None:
    null = open_private_null()
    try:
        found, host = os.fstat(null), Path(os.devnull).stat()
        assert stat.S_ISCHR(found.st_mode)
        assert (found.st_rdev, stat.S_IMODE(found.st_mode)) == (host.st_rdev, 0o666)
        assert (found.st_dev, found.st_ino) != (host.st_dev, host.st_ino)
        assert os.write(null, b"lost") == 4
        assert os.read(null, 4) == b""
    finally:
        os.close(null)
