"""The synthetic road world: pure, from numbers to pictures and their exact labels."""
