"""What Livery costs, measured beside what it could cost, in one run on one machine.

Each module here is a benchmark: `run(options) -> dict` measures, `TITLE` says what, `rows(result)` gives its table.
`livery bench NAME` and `python -m benchmarks NAME` find it by its name (`governed-call` is `governed_call.py`).
"""
