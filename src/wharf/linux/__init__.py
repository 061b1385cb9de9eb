"""The kernel's edge: every system call that Python lacks, and the only code that needs privilege.

Modules here import the standard library only (all but `system_bus`), so that the spawner and its shims may load them.
"""
