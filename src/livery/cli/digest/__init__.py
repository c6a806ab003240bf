"""`livery digest`: the week of the coding agents on this machine, with its proof."""
