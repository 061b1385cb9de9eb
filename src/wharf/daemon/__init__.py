"""The composition root: reads the configuration, opens engine and API server, and closes them in order.

On disk: the pidfile, a lock in the data-root. Never: a rule of the engine, or anything of the API's protocol.
"""
