"""Model files: the `.params` + `.json` pair, start weights, export."""
