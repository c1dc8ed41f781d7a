"""Selection: which pictures of survey drives are worth labelling next."""
