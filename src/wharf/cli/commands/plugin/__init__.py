"""`wharf plugin …`."""
