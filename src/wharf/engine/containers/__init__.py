"""Containers: what create, start, stop, attach, wait, remove … mean, and the records of all containers.

On disk: the table `containers`, and `<data-root>/containers/<id>/` with the log and the files bound to /etc.
"""
