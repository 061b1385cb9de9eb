"""Networks as users know them: their records, and containers' places in them.

On disk: the table `networks`. The bridges, addresses and rules themselves are made by the network room.
"""
