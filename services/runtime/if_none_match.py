"""Whether a client has an answer already, as its request says. Pure."""


def matches(if_none_match: str, tag: str) -> bool:
    """Return whether an If-None-Match names the tag, weak or strong. Source: RFC 9110, section 13.1.2."""
    if if_none_match.strip() == "*":
        return True
    opaque = tag.removeprefix("W/")
    return any(listed.strip().removeprefix("W/") == opaque for listed in if_none_match.split(","))
