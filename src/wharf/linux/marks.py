"""Marks of packets that the shim sends to containers in their clients' names, so that the answers come back to it."""

from typing import Final

#: Of what the shim sends. The numbers are ours by nothing but their oddity: the kernel has no registry of marks.
SENT: Final = 0x57480001
#: Of such a connection, and of the container's answers on it.
RETURNING: Final = 0x57480002
#: The routing table that takes those answers for the host's own.
TABLE: Final = 0x5748
