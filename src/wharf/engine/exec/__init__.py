"""Execs: further processes in running containers, by request of a client or of a health check.

Kept in memory only, as long as a client may ask for the exit code. The processes themselves are the shims'.
"""
