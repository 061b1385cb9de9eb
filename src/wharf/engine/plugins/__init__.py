"""Managed plugins: what they are, where they come from, and when they run.

On disk, below data-root/plugins: ID/rootfs (the plugin's file system), ID/propagated-mount (what it mounts for the
host), content/ (the blobs that it came from, which a push gives again), tmp/ (being made) and trash/ (being removed).
What no record owns is swept at the next start. Below exec-root/plugins: ID/ with the plugin's socket, and bundles/ID
for its shim. A plugin that is enabled has a mount on ID/propagated-mount, of which the mounts in it are a part.
"""
