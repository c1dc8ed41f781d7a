"""Networks: shipped templates, a team's editable copies of them, and how both are built."""
