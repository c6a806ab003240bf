"""The product of two numbers."""

from livery.authoring import Number, SkillFailed, skill

LIMIT = 2**53 - 1  # beyond it JSON readers round


@skill(
    "multiply",
    version="1.0.0",
    description=(
        "Multiply two numbers and return their product. Use when a price, an area or a "
        "scaled amount must be computed and on record, not estimated by a model."
    ),
    category="math",
    owner="livery",
    timeout_s=5,
)
def run(a: Number, b: Number) -> Number:
    """Return `a * b`; an integer for two integers."""
    result = a * b
    if not abs(result) <= LIMIT:  # also where it is infinite
        raise SkillFailed("The product is beyond +-(2^53 - 1), the exact range of JSON.")
    return result
