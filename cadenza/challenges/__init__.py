"""The Cadenza challenges: metadata, seeds, scenes and scoring."""
