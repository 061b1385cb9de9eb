"""Connections that are open go on while somebody flushes all rules, until `watching` has put ours back.

How a connection is translated the kernel knows without the rules, but it looks only while there is a chain that may
translate, and a rule that asks for connections. Without them, a packet that comes meanwhile reaches the host itself,
which resets the connection. So there are some, for no packet, in a table that nobody but its owner can change (Linux
5.12); it goes with this process.
"""

import logging
import os

from wharf.linux.nftables import Nftables, NftablesError
from wharf.network.families import PREFIX

log = logging.getLogger(__name__)


def begin(nftables: Nftables) -> None:
    """Makes the table where it is not there and the kernel can have it. For who keeps this socket."""
    table = f"inet {PREFIX}lasting_{os.getpid()}"
    try:
        if not nftables.has(table):
            nftables.run(f"""
table {table} {{
    flags owner
    chain none {{
        type nat hook postrouting priority srcnat; policy accept;
        ct state invalid accept
    }}
}}
""")
    except NftablesError as error:
        log.debug("open connections may break when somebody flushes all rules", extra={"reason": str(error)})
