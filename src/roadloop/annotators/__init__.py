"""Where packages are labelled: folders that people carry, or a Label Studio server."""
