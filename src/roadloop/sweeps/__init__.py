"""Search over recipes: many short trainings, of which the better ones go on."""
