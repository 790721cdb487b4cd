"""The dashboards as the text of files."""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.dashboards.boards import dashboards

FOLDER = Path(__file__).parents[1] / "grafana/dashboards"


def written() -> dict[str, str]:
    """Return each dashboard as JSON, by the name of its file without the ending."""
    encoder = JSONEncoder(indent=1, sort_keys=True)
    return {name: encoder.encode(made.build()) + "\n" for name, made in dashboards().items()}
