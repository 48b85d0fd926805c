"""CAD2 Task 2: ensembles and their scenes, the download, estimated sources."""
