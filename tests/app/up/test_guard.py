"""The guard knows which process groups are left."""

from hypothesis import given
from hypothesis import strategies as some

from app.up.guard import living_groups

GROUPS = some.lists(some.integers(min_value=2, max_value=50), unique=True)


@given(GROUPS, some.data())
def test_what_was_added_and_not_taken_away_is_left_in_order(groups, data):
    gone = data.draw(some.sets(some.sampled_from(groups))) if groups else set()
    lines = [f"+{group}\n" for group in groups] + [f"-{group}\n" for group in gone]
    assert living_groups(lines) == [group for group in groups if group not in gone]


@given(GROUPS)
def test_a_group_taken_away_twice_is_no_error(groups):
    lines = [f"-{group}\n" for group in groups]
    assert living_groups(lines + lines) == []
