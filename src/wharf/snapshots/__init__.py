"""File systems of images and containers: layers stacked read-only, one writable layer per container."""
