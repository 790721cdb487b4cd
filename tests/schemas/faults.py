"""The faults of a definition, for the tests of what is refused."""

import pytest

from schemas.definition_faults import DefinitionRefused
from schemas.definition_parse import parse_definition


def faults(plain):
    """Return the reason of each fault of a definition, by its path."""
    with pytest.raises(DefinitionRefused) as refused:
        parse_definition(plain)
    return {fault.path: fault.reason for fault in refused.value.faults}


def paths(plain):
    """Return the paths of a definition's faults, in their order."""
    return list(faults(plain))


def without(plain, *names):
    """Return a table without some of its fields."""
    return {name: value for name, value in plain.items() if name not in names}
