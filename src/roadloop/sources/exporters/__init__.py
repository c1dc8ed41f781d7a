"""Writers of the layouts in which a source set can leave; what they write comes back unchanged."""
