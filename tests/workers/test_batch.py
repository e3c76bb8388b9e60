"""What is written down of a batch."""

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from workers.batch import batch_of, file_of, indexes, unpacked

BATCH_ID = "batch_1"


@pytest.mark.parametrize("name", ["output", "errors"])
def test_the_id_of_a_file_names_its_batch(name: str) -> None:
    assert batch_of(file_of(BATCH_ID, name)) == (BATCH_ID, name)


@pytest.mark.parametrize("file_id", ["file-1", "file-", "file-1-other", "batch_1", ""])
def test_other_ids_name_no_batch(file_id: str) -> None:
    assert batch_of(file_id) == ("", "")


@given(st.sets(st.integers(0, 99)))
def test_bits_are_read_as_redis_sets_them(redis_url: str, chosen: set[int]) -> None:
    with redis.Redis.from_url(redis_url) as store:
        store.delete("bits")
        for index in chosen:
            store.setbit("bits", index, 1)
        assert indexes(unpacked(store.get("bits"), 100)) == sorted(chosen)
