"""Which container is on which network, and by which ports it is reached: read from the API's answers, drawn as text,
DOT or SVG. Pure; never asks the daemon itself."""
