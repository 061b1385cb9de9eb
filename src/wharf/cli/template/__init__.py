"""What `--format` is given: the API's JSON, and the rows of lists. The language itself is in `gotemplate/`. Pure."""
