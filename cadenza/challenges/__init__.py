"""The challenges' plumbing: metadata, scenes, seeds, work lists, the run loop and result files."""
