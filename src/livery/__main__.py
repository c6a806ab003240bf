"""`python -m livery`."""

from livery.entrypoints.main import main

main()
