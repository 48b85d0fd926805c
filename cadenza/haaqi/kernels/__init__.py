"""Compiled loops of HAAQI."""
