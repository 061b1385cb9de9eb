"""Plugins of the first kind: processes that answer on a socket. Finding them, the handshake, and asking them.

Knows nothing of what they do; keeps nothing on disk. What a plugin answers is as hostile as what anybody else does.
"""
