"""The AppArmor profile of containers that ask for none.

It stands behind the capabilities, the seccomp filter and the read-only mounts, for when one of them has a hole. It has
dockerd's name, so that `--security-opt apparmor=docker-default` means the same, and one that is loaded already will do.
"""

from pathlib import Path
from typing import Final

from wharf.errors import EngineError
from wharf.linux import apparmor

NAME: Final = "docker-default"

TEXT: Final = f"""
#include <tunables/global>

profile {NAME} flags=(attach_disconnected,mediate_deleted) {{
  #include <abstractions/base>
  capability,
  network,
  file,
  umount,
  deny mount,

  # Its own processes are its own business, and who started it ends it.
  signal (send, receive) peer={NAME},
  signal (receive) peer=unconfined,
  signal (receive) peer={{crun,runc}},
  ptrace (trace, read, tracedby, readby) peer={NAME},

  # Of /proc, what belongs to processes; of the kernel's settings, those of shared memory, which are the container's.
  deny @{{PROC}}/[a-z]* w,
  deny @{{PROC}}/{{acpi,asound,bus,driver,dynamic_debug,fs,irq,pressure,scsi,tty}}/** w,
  deny @{{PROC}}/sys/[^k]** w,
  deny @{{PROC}}/sys/kernel/{{[^s],s[^h],sh[^m]}}** w,
  deny @{{PROC}}/{{kcore,kmem,mem,sysrq-trigger}} rwklx,

  # Of /sys, the control groups.
  deny /sys/{{[^f],f[^s]}}** wklx,
  deny /sys/fs/{{[^c],c[^g],cg[^r]}}** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/kernel/security/** rwklx,
}}
"""


class DefaultProfile:
    """The kernel has it from the first start that needs it on. Somebody may take it out again, and so it is looked for
    at each start."""

    def __init__(self) -> None:
        self._shown: Path | None = None

    @property
    def is_loaded(self) -> bool:
        return self._shown is not None and self._shown.exists()

    def load(self) -> None:
        """Blocks. Raises EngineError, in dockerd's words."""
        self._shown = apparmor.loaded(NAME)
        if self._shown is None:
            try:
                apparmor.load(TEXT)
            except EngineError as error:
                what = f"AppArmor enabled on system but the {NAME} profile could not be loaded"
                raise EngineError(f"{what}: {error}") from None
            self._shown = apparmor.loaded(NAME)
