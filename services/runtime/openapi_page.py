"""A page to read an OpenAPI document: plain HTML, made from the document alone, without scripts. Pure."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Plain = Mapping[str, Any]

STYLE_PATH = "/docs/style.css"
LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
}


def page(document: Plain) -> str:
    """Return the page of a document."""
    info = document["info"]
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])} API</title>",
            f'<link rel="stylesheet" href="{STYLE_PATH}"></head><body>',
            f"<header><h1>{escape(info['title'])} API</h1><p>{_prose(info['description'])}</p>",
            f'<p>Version {escape(info["version"])}. <a href="/openapi.json">OpenAPI document</a></p></header>',
            f"<nav>{''.join(_contents(document))}</nav><main>",
            *_subjects(document),
            "<section><h2>Types</h2>",
            *(_type(name, schema) for name, schema in sorted(document["components"]["schemas"].items())),
            "</section></main></body></html>",
        )
    )


def _operations(document: Plain, subject: str) -> Iterator[tuple[str, str, Plain]]:
    """Yield the method, the path and the operation of each of a subject."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if subject in operation["tags"]:
                yield method.upper(), path, operation


def _contents(document: Plain) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'].capitalize())}</h2><ul>"
        for method, path, operation in _operations(document, tag["name"]):
            yield f'<li><a href="#{operation["operationId"]}"><b>{method}</b> {escape(path)}</a></li>'
        yield "</ul>"


def _subjects(document: Plain) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<section><h2>{escape(tag['name'].capitalize())}</h2><p>{_prose(tag['description'])}</p>"
        for method, path, operation in _operations(document, tag["name"]):
            yield from _operation(method, path, operation)
        yield "</section>"


def _operation(method: str, path: str, operation: Plain) -> Iterator[str]:
    yield f'<article id="{operation["operationId"]}"><h3><b>{method}</b> <code>{escape(path)}</code></h3>'
    yield f"<p>{_prose(operation['summary'])}.</p>"
    if "description" in operation:
        yield f"<p>{_prose(operation['description'])}</p>"
    if operation["security"]:
        schemes = " or ".join(next(iter(scheme)) for scheme in operation["security"] if scheme)
        yield f"<p>Token: {escape(schemes)}, where one is required.</p>"
    if parameters := operation.get("parameters"):
        yield "<table><caption>Parameters</caption><tr><th>name<th>in<th>type<th>meaning</tr>"
        for parameter in parameters:
            needed = " (required)" if parameter["required"] else ""
            yield (
                f"<tr><td><code>{escape(parameter['name'])}</code>{needed}<td>{parameter['in']}"
                f"<td>{_kind(parameter['schema'])}<td>{_prose(parameter['description'])}</tr>"
            )
        yield "</table>"
    if body := operation.get("requestBody"):
        yield f"<table><caption>Body</caption>{''.join(_media(body['content']))}</table>"
    yield "<table><caption>Answers</caption><tr><th>status<th>meaning<th>type</tr>"
    for status, answer in operation["responses"].items():
        kinds = "; ".join(
            f"<code>{escape(media)}</code> {_kind(content['schema'])}"
            for media, content in answer.get("content", {}).items()
        )
        yield f"<tr><td>{status}<td>{_prose(answer['description'])}<td>{kinds}</tr>"
    yield "</table>"
    if events := operation.get("x-events"):
        yield "<table><caption>Events</caption><tr><th>event<th>data</tr>"
        yield from (f"<tr><td><code>{escape(name)}</code><td>{_kind(kind)}</tr>" for name, kind in events.items())
        yield "</table>"
    yield "</article>"


def _media(contents: Plain) -> Iterator[str]:
    yield "<tr><th>media type<th>type<th>meaning</tr>"
    for media, content in contents.items():
        schema = content["schema"]
        says = _prose(schema.get("description", ""))
        yield f"<tr><td><code>{escape(media)}</code><td>{_kind(schema)}<td>{says}</tr>"


def _type(name: str, schema: Plain) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{'' if field in required else ' (may be left out)'}"
        f"<td>{_kind(kind)}<td>{_prose(kind.get('description', ''))}</tr>"
        for field, kind in schema.get("properties", {}).items()
    )
    table = f"<table><tr><th>field<th>type<th>meaning</tr>{rows}</table>" if rows else ""
    says = _prose(schema.get("description", ""))
    return f'<article id="type-{name}"><h3>{escape(name)}</h3><p>{says}</p>{table}</article>'


def _kind(schema: Plain) -> str:
    """Return a schema in short, with links to the types that it names."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#type-{name}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    limits = ", ".join(says.format(schema[limit]) for limit, says in LIMITS.items() if limit in schema)
    beside = f", {limits}" if limits else ""
    match schema.get("type"):
        case "array":
            return f"list of {_kind(schema.get('items', {}))}{beside}"
        case "object" if "additionalProperties" in schema and isinstance(schema["additionalProperties"], Mapping):
            return f"object of {_kind(schema['additionalProperties'])}"
        case None:
            return "anything"
        case kind:
            return f"{schema.get('format', kind)}{beside}"


def _prose(text: str) -> str:
    """Return a text as HTML, with what stands between backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
