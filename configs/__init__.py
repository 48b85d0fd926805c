"""Shared Hydra groups: one building block a file."""
