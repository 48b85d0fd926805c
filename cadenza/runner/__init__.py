"""The engine of the recipes, which knows no challenge."""
