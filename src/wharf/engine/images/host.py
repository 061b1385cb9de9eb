"""What this machine can run."""

import os

from wharf.spec.platform import Platform, platform_of_machine


def host_platform() -> Platform:
    """The platform of the machine we run on."""
    return platform_of_machine(os.uname().machine)
