"""The synthetic road world and the guided tour."""
