"""Manifests of OGraf graphics have what the specification wants.

Source: https://ograf.ebu.io/v1/specification/json-schemas/graphics/schema.json: `required`, `properties` and types, and
gdd/gdd-types.json, by which a `select` has `enum` and labels.
"""

import pytest

from services.live.web.overlay_view import GRAPHICS, OGRAF_SCHEMA, ograf_manifest, ograf_package
from tests.builders import defined
from tests.live.loaded import LoadedEvent

REQUIRED = {"$schema", "id", "name", "main", "supportsRealTime", "supportsNonRealTime"}
OPTIONAL = {
    "version",
    "description",
    "author",
    "customActions",
    "stepCount",
    "schema",
    "renderRequirements",
    "thumbnails",
}
SERVER = "https://results.example.org"


@pytest.mark.parametrize("graphic", GRAPHICS)
def test_a_manifest_has_the_required_members_and_no_unknown_ones(graphic):
    manifest = ograf_manifest(graphic, LoadedEvent(defined()).event, SERVER)
    assert set(manifest) >= REQUIRED
    assert set(manifest) <= REQUIRED | OPTIONAL
    assert manifest["$schema"] == OGRAF_SCHEMA == __doc__.split("Source: ")[1].split(": `")[0]
    assert "/" not in manifest["id"]
    assert manifest["main"] == f"{graphic}.mjs"
    fields = manifest["schema"]["properties"]
    assert fields["server"]["default"] == SERVER
    for field in fields.values():
        assert field["type"] in ("string", "integer")
        if field.get("gddType") == "select":
            assert field["default"] in field["enum"]
            assert set(field["gddOptions"]["labels"]) == set(field["enum"])


def test_equal_packages_are_equal_bytes():
    event = LoadedEvent(defined()).event
    assert ograf_package(event, SERVER, {"a.js": b"1"}) == ograf_package(event, SERVER, {"a.js": b"1"})
