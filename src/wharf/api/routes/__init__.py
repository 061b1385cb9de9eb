"""The operations, one module per section of the API. `table` lists them all."""
