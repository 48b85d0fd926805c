"""HAAQI in plain NumPy, one band after the other: the oracle of the compiled one."""
