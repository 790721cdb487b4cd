"""The page to read an OpenAPI document: everything of the document is in it, as text, and links lead somewhere."""

import re

import pytest

from services.live.http import operations
from services.runtime.openapi import document
from services.runtime.openapi_page import page
from services.runtime.operations import Answer, Content, Operation, Parameter

DESCRIBED = [kind for kind in vars(operations).values() if isinstance(kind, Operation)]
DOCUMENT = document(operations.SERVICE, DESCRIBED)
PAGE = page(DOCUMENT)


def test_it_has_every_operation_and_every_type():
    ids = set(re.findall(r'<article id="([^"]+)"', PAGE))
    types = {f"type-{name}" for name in DOCUMENT["components"]["schemas"]}
    operations_of_paths = {method["operationId"] for path in DOCUMENT["paths"].values() for method in path.values()}
    assert ids == operations_of_paths | types
    assert {operation.name for operation in DESCRIBED} | {"getBoardCsv", "getSplitXml"} <= ids


def test_its_links_lead_to_parts_of_it():
    assert set(re.findall(r'href="#([^"]+)"', PAGE)) <= set(re.findall(r'id="([^"]+)"', PAGE))


def test_it_has_neither_scripts_nor_styles_of_its_own():
    assert not re.search(r"<script|<style|style=|onclick", PAGE)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", 'a "quoted" & b'])
def test_texts_of_the_document_are_no_markup(text):
    operation = Operation(
        method="GET",
        path="/x",
        name="getX",
        subject="events",
        title=text,
        parameters=(Parameter("p", "query", str, text),),
        answers=(Answer(says=text, contents=(Content("text/plain", text),)),),
    )
    assert text not in page(document(operations.SERVICE, [operation]))
