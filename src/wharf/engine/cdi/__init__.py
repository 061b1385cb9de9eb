"""Devices by name: descriptions that vendors put in directories of the host, and what they add to a container's run.

The room reads those directories when somebody asks for a device or for a list of them, and keeps nothing.
"""
