"""Path templates hold for whatever stands in a path."""

from __future__ import annotations

from itertools import product
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from docmill.gateway.template import Template

SEGMENT = st.sampled_from(["a", "b", "*"])
SEGMENTS = st.tuples(st.lists(SEGMENT, min_size=1, max_size=4), st.booleans()).map(
    lambda made: [*made[0], "**"] if made[1] else made[0]
)


@given(st.text(min_size=1).filter(lambda text: text.isprintable() or "/" in text))
def test_a_variable_is_what_was_encoded(value: str) -> None:
    """Whatever a client percent-encodes into one segment comes back from it."""
    template = Template.parse("/flows/{flow_id}/run")
    assert template.match(["flows", quote(value, safe=""), "run"]) == {"flow_id": value}


@given(SEGMENTS, SEGMENTS)
def test_overlap_is_having_a_path_in_common(one: list[str], other: list[str]) -> None:
    """Two templates overlap if and only if there is a path that both match."""
    templates = [Template.parse("/" + "/".join(segments)) for segments in (one, other)]
    paths = (path for length in range(1, 7) for path in product("abc", repeat=length))
    common = any(all(template.match(path) is not None for template in templates) for path in paths)
    assert templates[0].overlaps(templates[1]) is common
