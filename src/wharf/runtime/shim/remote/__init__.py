"""Sending a container's output to a receiver: syslog, journald, GELF, fluentd. Standard library only.

Nothing of this is loaded by the shim of a container that does not ask for it. A driver is an encoder, which is pure;
how frames reach the receiver, and what happens when they do not, is the same for all.
"""
