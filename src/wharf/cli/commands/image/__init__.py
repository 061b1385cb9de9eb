"""Verbs on images."""
