"""The registry protocol: decisions without I/O, and a client that does the I/O."""
