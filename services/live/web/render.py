"""Pages from templates, which escape every text that is put into them. Pure."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from services.live.web.words import WORDS

_templates = Environment(
    loader=PackageLoader("services.live.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, language: str, **shown: Any) -> bytes:
    """Return a page in a language; `shown` are the values that its template names."""
    return _templates.get_template(template).render(language=language, words=WORDS[language], **shown).encode()
