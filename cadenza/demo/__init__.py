"""A small challenge root made from scratch: composed music, a modelled head, standard listeners.

`cadenza.demo.root` writes the files; the other modules are the pieces it is made of:
`score` (notes, parts and the patterns they come from), `composition` (two songs), `instruments`
(one sound for one note), `music` (from a composition to the audio of its stems), `head`
(responses of a spherical head) and `audiograms` (standard audiograms and listeners).
"""
