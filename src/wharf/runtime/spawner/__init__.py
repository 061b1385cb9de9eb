"""The process that forks shims: small and loaded in advance, so that a new shim costs a fork and nothing else."""
