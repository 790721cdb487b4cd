"""The page of metrics has what the code shows, and every metric is looked at: on a dashboard or by an alert."""

import re
from pathlib import Path

import pytest
import yaml

from tests.deploy.dashboards import expressions
from tests.docs.metrics_page import PAGE, described, page, registries

DEPLOY = Path(__file__).parents[2] / "deploy"
METRICS = {metric.name: metric for registry in registries().values() for metric in described(registry)}
LOOKED_AT = " ".join([(DEPLOY / "prometheus/rules.yaml").read_text(), *expressions()])


def test_the_page_is_as_the_code_has_it():
    assert PAGE.read_text() == page(), "write it anew by `make metrics`"


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_has_our_prefix_says_what_it_means_and_is_looked_at(name):
    assert name.startswith("matline_")
    assert len(METRICS[name].text) > 30
    assert METRICS[name].text.endswith(".")
    assert re.search(rf"\b{name}(_bucket)?\b", LOOKED_AT), "put it on a dashboard or into an alert"


@pytest.mark.parametrize("rule", yaml.safe_load((DEPLOY / "prometheus/rules.yaml").read_text())["groups"][0]["rules"])
def test_alerts_look_at_metrics_of_ours_and_at_up_without_names_of_jobs(rule):
    named = set(re.findall(r"\b(?:matline|process)_[a-z_]+\b", rule["expr"]))
    assert named
    assert {name.removesuffix("_bucket") for name in named} <= METRICS.keys()
    assert not re.search(r"\bjob\s*=", rule["expr"])
