"""Music, heads and listeners that are synthesised: for the demo, for training and for tests.

`dataset` gives any number of pieces to train and test separation with. They are made of:

- notes: `score` (notes, parts and patterns), `composition` (two songs), `songs` (any number of
  them), `chamber` (chamber music);
- sounds: `synthesis` (what instruments are made of), `instruments`, `sustained`, `orchestra`,
  `band`, `percussion`, `singer`;
- audio: `music` (from a song to its stems), `concert` (chamber music in a hall);
- listeners: `head` (responses of a spherical head), `audiograms` (standard audiograms and
  listeners), `fitting` (settings of their compressors).
"""
