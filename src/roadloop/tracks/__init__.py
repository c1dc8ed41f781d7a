"""Track stores: where the pictures of survey drives are, in folders or behind an HTTP service."""
