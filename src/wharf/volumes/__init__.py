"""Volumes: directories that outlive containers.

Owns <data-root>/volumes. A driver knows names, directories and their content, never who uses them nor any record.
"""
