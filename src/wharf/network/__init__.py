"""Networks of containers: bridges, addresses, published ports, and the firewall rules that belong to them.

Nothing is kept on disk: what is in use stands in the engine's records, and the engine says it again when it starts.
Never: containers, names, policies; those are the engine's.

Its modules:

- What the engine is promised: `contract`; what a network is told: `settings`. How all speak to the kernel: `kernel`.
- A bridge: `bridge`, with `device` and `wiring`. On a device of the host: `parented`, with `parents`; with addresses
  that others give: `leased`, with `dhcp`, `advertised` and `waits`. A container's own end of each: `inner`.
- The books: `endpoints`, `ipam`, `subnets`; of ports: `ports`, `reservation`.
- The rules of one bridge: `firewall`, `openings`, `families`, kept by `tables`. Those of all bridges: `passing`,
  `forwarding`, `sources`, `returning`.
- Beside the firewalls of others: `coexisting`, `legacy`, `zones`, `firewalld`, `watching`.
- Whether a packet would pass: `checking`, `hurdles`, `facts`; the rules of others: `others`, `rules`, `conditions`,
  `xt_text`, `legacy_rules`.
- Names: `dns`.
"""
