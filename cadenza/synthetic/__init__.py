"""Music, heads and listeners synthesised for the demo, for training and for tests.

`dataset` gives any number of pieces, each with its stems. They are made from:

- notes: `score` (notes, keys, patterns), `songs`, `chamber`;
- sounds: `synthesis` (building blocks), `sustained`, `percussive`, `singer`, `orchestra`, `band`;
- audio: `mixing` (levels, loud masters), `room` (reverberation, microphones in a hall).

Listeners: `head` (responses of a rigid sphere), `listeners` (standard audiograms and compressor
settings).
"""
