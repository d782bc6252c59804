"""Path templates and the table of routes."""

from __future__ import annotations

import pytest

from docmill.gateway.bindings import SERVICES, bindings_of
from docmill.gateway.template import Conflict, RouteTable, Template


@pytest.mark.parametrize(
    ("template", "path", "variables"),
    [
        ("/v1/flows", "v1/flows", {}),
        ("/v1/flows/{flow_id}", "v1/flows/lab-report", {"flow_id": "lab-report"}),
        ("/v1/flows/{flow_id}", "v1/flows/a%2Fb%20c", {"flow_id": "a/b c"}),
        ("/v1/flows/{flow_id}/run", "v1/flows/%C3%A4/run", {"flow_id": "ä"}),
        ("/v1/fl%6Fws", "v1/flows", None),
        ("/v1/flows", "v1/fl%6Fws", {}),
        ("/v1/{name=files/*}", "v1/files/a%20b", {"name": "files/a b"}),
        ("/v1/{name=files/*}", "v1/files/a%2Fb", {"name": "files/a%2Fb"}),
        ("/v1/{name=files/**}", "v1/files/a/b", {"name": "files/a/b"}),
        ("/v1/{name=files/**}", "v1/files", {"name": "files"}),
        ("/v1/{name=**}", "v1/a/b%2Fc", {"name": "a/b%2Fc"}),
        ("/v1/*/x", "v1/a/x", {}),
        ("/v1/{run.id}/pages/{number}", "v1/r/pages/3", {"run.id": "r", "number": "3"}),
        ("/v1/flows/{flow_id}", "v1/flows/", None),
        ("/v1/flows/{flow_id}", "v1/flows/a/b", None),
        ("/v1/flows/{flow_id}", "v1/flows/%FF", None),
        ("/v1/flows", "v1/flows/", None),
    ],
)
def test_match(template: str, path: str, variables: dict[str, str] | None) -> None:
    """Segments are divided before they are decoded; an empty segment is none."""
    if "%" in template:
        with pytest.raises(ValueError, match="is no segment"):
            Template.parse(template)
        return
    assert Template.parse(template).match(path.split("/")) == variables


@pytest.mark.parametrize(
    "text", ["v1", "/", "/v1/", "/v1/{", "/v1/{a}b", "/v1/**/x", "/v1/x:cancel", "/{a={b}}", "/{1}"]
)
def test_what_is_no_template(text: str) -> None:
    """Templates that cannot be right, or that are not supported, are refused by name."""
    with pytest.raises(ValueError, match="/"):
        Template.parse(text)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("/a/{x}", "/a/{y}", True),
        ("/a/current", "/a/{y}", True),
        ("/a/{x}/c", "/a/b/{y}", True),
        ("/a/{x}/c", "/a/{y}/d", False),
        ("/a/b", "/a/c", False),
        ("/a/{x}", "/a/{y}/c", False),
        ("/{x=**}", "/a/b", True),
        ("/a/{x=**}", "/a", True),
        ("/a/{x=**}", "/b/c", False),
    ],
)
def test_overlaps(one: str, other: str, overlap: bool) -> None:  # noqa: FBT001 - a parameter of the table above
    """Two templates that can match one path are in each other's way, whichever comes first."""
    assert Template.parse(one).overlaps(Template.parse(other)) is overlap
    assert Template.parse(other).overlaps(Template.parse(one)) is overlap


def test_the_table_refuses_conflicts_of_one_method_only() -> None:
    """What would make it unclear which route is meant is refused by name; another HTTP method is another route."""
    table: RouteTable[str] = RouteTable()
    table.add("GET", Template.parse("/keys/current"), "check")
    table.add("DELETE", Template.parse("/keys/{key_id}"), "revoke")
    with pytest.raises(Conflict, match=r"GET /keys/current and GET /keys/\{key_id\}"):
        table.add("GET", Template.parse("/keys/{key_id}"), "show")
    assert table.verbs(["keys", "current"]) == ["DELETE", "GET"]
    assert table.find("GET", ["keys", "other"]) is None


def test_the_public_api_has_no_conflicts() -> None:
    """Every binding of the contract can be served beside the others, and each path leads to its own method."""
    table: RouteTable[str] = RouteTable()
    for binding in bindings_of(SERVICES):
        table.add(binding.verb, binding.template, binding.method.name)
    found = table.find("GET", ["api", "v1", "runs", "r_1", "pages", "3", "image"])
    assert found == ("GetPageImage", {"run_id": "r_1", "page_number": "3"})
