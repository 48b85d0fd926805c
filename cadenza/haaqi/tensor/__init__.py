"""HAAQI in torch: batches, on CPU or GPU, with gradients. `cadenza.haaqi.loss` is its front."""
