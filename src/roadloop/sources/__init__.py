"""Source sets: folders of labelled pictures, `<set>/<package>/`, that people can open."""
