"""What log drivers and their options mean: checked when a container is created, planned when it starts. Pure.

What writes and sends is the shim (`runtime/shim/`), what reads is `logs/`.
"""
