"""Training separation networks.

`music` says what there is to learn from: pieces with separate parts. `data` makes examples of them,
`train` runs the loop, `record` keeps its history, `evaluate` measures what came out, and `memory`
makes it faster on Linux.
"""
