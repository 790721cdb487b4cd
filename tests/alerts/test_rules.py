"""The rules of alerts, and their routes to people, tried with `promtool` and `amtool`."""

import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus/rules.yaml"
RULES_TEST = DEPLOY / "prometheus/rules_test.yaml"
ROUTES = DEPLOY / "alertmanager/alertmanager.yml"


def said(*command: str | Path) -> str:
    """What a tool prints; fails with all that it says if it finds a fault."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_and_the_settings_of_prometheus_are_valid():
    assert "SUCCESS" in said("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert "SUCCESS" in said("promtool", "check", "config", DEPLOY / "prometheus/prometheus.yml")


def test_every_alert_is_raised_on_the_series_for_it_and_not_on_others():
    said("promtool", "test", "rules", RULES_TEST)


def test_each_alert_has_a_case_in_which_it_is_raised_and_one_in_which_it_is_not():
    raised: dict[str, set[bool]] = defaultdict(set)
    for test in yaml.safe_load(RULES_TEST.read_text())["tests"]:
        for case in test["alert_rule_test"]:
            raised[case["alertname"]].add(bool(case["exp_alerts"]))
    groups = yaml.safe_load(RULES.read_text())["groups"]
    assert raised == {rule["alert"]: {True, False} for group in groups for rule in group["rules"]}


def test_what_follows_from_an_alert_is_held_back_by_one_that_exists():
    named = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    for rule in yaml.safe_load(ROUTES.read_text())["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            assert set(matcher.partition('"')[2].rstrip('"').split("|")) <= named


@pytest.mark.parametrize(
    ("severity", "receiver"), [("critical", "on-duty"), ("warning", "office"), ("info", "page-only")]
)
def test_an_alert_goes_to_whom_its_severity_concerns(severity, receiver):
    said("amtool", "check-config", ROUTES)
    routed = said("amtool", "config", "routes", "test", f"--config.file={ROUTES}", f"severity={severity}")
    assert routed.split() == [receiver]
