"""The part of Go's text/template that people use, for `--format` and the tags of logs. Pure.

Whoever evaluates a template says what a field of a value is: see evaluate.Look.
"""
