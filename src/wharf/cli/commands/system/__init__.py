"""Verbs on the engine, and those that fit no other noun."""
