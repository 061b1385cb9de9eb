"""Addresses that a server on the containers' wire lends (DHCP, RFC 2131): asked for, kept, given back.

Nothing here is kept on disk: the lease is in the endpoint of its container's record.
"""
