"""The release is named in one place, since the image has no installed package."""

from pathlib import Path

SERVICES = Path(__file__).parents[2] / "services"


def test_only_one_module_asks_for_the_installed_package():
    asking = [path.name for path in SERVICES.rglob("*.py") if "importlib.metadata" in path.read_text()]
    assert asking == ["build.py"]
