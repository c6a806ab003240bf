"""`Number`: a JSON number that every reader of JSON understands alike."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from livery.manifest.canonical import MAX_INT

Number = Annotated[
    int | float,
    Field(ge=-MAX_INT, le=MAX_INT, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "minimum": -MAX_INT, "maximum": MAX_INT}),
]
"""A finite number within +-(2^53 - 1), the exact range of I-JSON; an integer stays an integer."""
