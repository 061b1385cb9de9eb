"""One module per verb, each with a COMMAND that main loads by name."""
