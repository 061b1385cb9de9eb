"""The Docker Engine API over HTTP: server, router, routes, and the translation between wire and engine.

Owns connections and their bytes, keeps nothing on disk, and decides nothing: a handler decodes, calls the engine once
and encodes.
"""
