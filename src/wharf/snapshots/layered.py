"""What both drivers share: read-only layers, unpacked once, named by chain id."""
