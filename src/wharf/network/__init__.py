"""Networks of containers: bridges, addresses, published ports, and the firewall rules that belong to them."""
