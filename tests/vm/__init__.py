"""Tests in a virtual machine, for what this machine's kernel is not set up for: `make test-vm`."""
