"""What the engine says about itself and its host: info, version, disk usage, logins at registries.

On disk: `engine-id` in the data-root, made once. Never: changes anything else.
"""
