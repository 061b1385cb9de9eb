"""Engines under test, each in a network namespace and with roots of its own, and what tests feed them."""
