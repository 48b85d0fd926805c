"""CAD2 Task 2: ensembles and listeners, the download, estimated sources."""
