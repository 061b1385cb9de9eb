"""Reading what containers have written: json-file logs, rotated ones too, from the end, by time, and as they grow.

On disk: nothing of its own; the files are the shims'. Never: attached clients, which are served by the shim itself.
"""
