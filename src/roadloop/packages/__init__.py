"""Annotation packages: pictures go out in numbered folders, labels come back as a source set."""
