"""`wharf checkpoint …`."""
