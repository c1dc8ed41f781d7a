"""Classes as data: class tables, colours, and the map from raw ids to train ids."""
