"""The python runtime: skills of trusted packs, in our process, from verified bytes."""
