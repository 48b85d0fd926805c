"""Training and evaluation of separation networks.

- data: `pieces` (music with separate parts), `corpus` (where the pieces come from), `mixes` (random
  examples mixed from them), `batches` (how the loop gets the examples);
- training: `loop`, `options`, `losses`, `remix_loss` (HAAQI as a loss) and `wishes` (what is drawn
  for it), `checkpoint`, `history` (losses on disk), `display` (progress on the screen), `memory`
  (what a step needs), `allocator` (faster training on Linux);
- evaluation: `bss_eval` (SDR and other scores).
"""
