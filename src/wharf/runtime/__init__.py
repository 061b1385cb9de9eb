"""Containers as the kernel has them: OCI bundles, the OCI runtime, and the shim that outlives the daemon.

On disk: one directory per running container under the exec-root (config.json, the shim's socket, the exit record).
Never: images, names, policies; those are the engine's.
"""
