"""The alerts as an object of the Prometheus operator: `python -m tests.deploy.kubernetes_rules` writes it."""

from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus/rules.yaml"
OBJECT = DEPLOY / "kubernetes/monitoring/rules.yaml"

HEAD = """\
# For clusters with the Prometheus operator: the alerts of deploy/prometheus/rules.yaml, word for word. Made from it by
# `make manifests`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: { name: matline, namespace: matline }
spec:
"""


def rule_object() -> str:
    """Return the object as it ought to be."""
    lines = [line for line in RULES.read_text().splitlines() if not line.startswith("#")]
    return HEAD + "".join(f"  {line}\n" if line else "\n" for line in lines)


if __name__ == "__main__":
    OBJECT.write_text(rule_object())
