"""Tests pass limits; they do not patch the constants of a module, which a rename or a copied value would make void."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent


def patched_constants(code: str) -> Iterator[str]:
    """Yield each `monkeypatch.setattr` of a constant, as it is written."""
    for node in ast.walk(ast.parse(code)):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "monkeypatch.setattr"):
            continue
        target, *more = node.args
        if isinstance(target, ast.Constant):  # "package.module.NAME"
            name = str(target.value)
        else:
            name = f"{ast.unparse(target)}.{more[0].value!s}" if isinstance(more[0], ast.Constant) else ""
        if name.rpartition(".")[2].isupper():
            yield name


def test_a_patched_constant_is_found_in_either_form() -> None:
    code = """
monkeypatch.setattr(module, "WAIT_S", 0.1)
monkeypatch.setattr("services.module.LINE_MAX_BYTES", 1)
monkeypatch.setattr(module, "function", fake)
"""
    assert list(patched_constants(code)) == ["module.WAIT_S", "services.module.LINE_MAX_BYTES"]


def test_no_test_patches_a_constant() -> None:
    files = {path.relative_to(TESTS): path.read_text() for path in TESTS.rglob("*.py") if path != Path(__file__)}
    assert {path: patched for path, code in files.items() if (patched := list(patched_constants(code)))} == {}
