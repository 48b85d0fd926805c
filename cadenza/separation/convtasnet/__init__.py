"""Conv-TasNet: the network, its files, and what its separators share."""
