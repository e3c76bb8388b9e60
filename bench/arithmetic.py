"""Writes bench/arithmetic.jsonl: sums and products of two digits by reasoning-gym 0.1.25 (Apache-2.0).

pip install reasoning-gym==0.1.25 && python bench/arithmetic.py > bench/arithmetic.jsonl
"""

import json
from collections.abc import Iterator
from itertools import islice

SEED = 42
EACH = 20
DIGITS = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}


def problems(family: str) -> Iterator[dict[str, str]]:
    """A family's problems in its own order, each once."""
    from reasoning_gym import create_dataset  # noqa: PLC0415 - no dependency of ours

    drawn = create_dataset(family, size=10 * EACH, seed=SEED, **DIGITS)
    return iter(
        {
            each["question"]: {"question": each["question"], "answer": each["answer"]} for each in drawn
        }.values()
    )


if __name__ == "__main__":
    for family in ("products", "chain_sum"):
        for problem in islice(problems(family), EACH):
            print(json.dumps(problem))
