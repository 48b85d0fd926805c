"""Conv-TasNet: the network and the files that it is stored in."""
