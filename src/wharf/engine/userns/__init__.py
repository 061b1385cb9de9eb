"""User namespaces of containers: who on the host a container's users are.

Owns no state: what a container was given is in its record. Never touches a file of a container: its ids on disk are
always those that it sees itself (ADR 0040).
"""
