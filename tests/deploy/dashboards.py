"""The dashboards as Grafana gets them, and what they ask Prometheus."""

import json
from collections.abc import Iterator
from typing import Any

from deploy.dashboards.written import written

DASHBOARDS: dict[str, dict[str, Any]] = {name: json.loads(text) for name, text in written().items()}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every panel with the name of its dashboard; rows are none."""
    for name, dashboard in DASHBOARDS.items():
        yield from ((name, panel) for panel in dashboard["panels"] if panel["type"] != "row")


def expressions() -> Iterator[str]:
    """Every expression of a panel or an annotation."""
    yield from (target["expr"] for _, panel in panels() for target in panel["targets"])
    for dashboard in DASHBOARDS.values():
        yield from (annotation["expr"] for annotation in dashboard["annotations"]["list"])
