"""Where programs for containers are looked for. Apart, because the spawner loads as little as it can."""

from typing import Final

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/libexec/docker:/usr/libexec/podman"
