"""A client of the Engine API: unix sockets, TCP, TLS and ssh; of the standard library only.

A command line lives for a few milliseconds, so this room imports as little as it can: no `json`, no `http.client`, no
`typing` at run time, TLS and ssh on first use. It owns nothing on disk and prints nothing.
"""
