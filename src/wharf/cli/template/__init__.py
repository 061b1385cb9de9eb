"""The language of `--format`: the part of Go's text/template that people use. Pure."""
