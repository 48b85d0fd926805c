"""CAD1 Task 1: songs and listeners, enhancement, submission."""
