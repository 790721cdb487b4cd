"""The dashboards are as their code makes them, and lead to runbooks, to each other and to any event."""

import re

import pytest

from deploy.dashboards.written import FOLDER, written
from tests.deploy.dashboards import DASHBOARDS, panels
from tests.docs.metrics_page import described, registries

RUNBOOKS = FOLDER.parents[1] / "runbooks"
VARIABLES = {
    "race-day": ["datasource", "event", "runbooks"],
    "mats": ["datasource", "event", "race", "runbooks"],
    "pipeline": ["datasource", "runbooks"],
    "live": ["datasource", "runbooks"],
    "event": ["datasource", "event", "race", "runbooks"],
}


def test_the_files_are_as_the_code_makes_them():
    files = {path.stem: path.read_text() for path in FOLDER.glob("*.json")}
    assert files == written(), "write them anew by `make dashboards`"


@pytest.mark.parametrize("name", VARIABLES)
def test_a_dashboard_has_its_variables_annotations_and_a_way_to_the_others(name):
    dashboard = DASHBOARDS[name]
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == VARIABLES[name]
    assert len(dashboard["annotations"]["list"]) == 3
    (link,) = dashboard["links"]
    assert set(link["tags"]) <= set(dashboard["tags"])
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_every_panel_takes_its_data_source_event_and_interval_from_the_dashboard():
    for name, panel in panels():
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            assert not re.search(r"\brate\([^()]*\[\d", target["expr"])
            used = set(re.findall(r"\$(event|race)\b", target["expr"]))
            assert used <= set(VARIABLES[name])


def test_a_metric_of_events_is_shown_of_those_that_are_chosen():
    labels = {metric.name: metric.labels for registry in registries().values() for metric in described(registry)}
    for name, panel in panels():
        for target in panel["targets"]:
            for metric, matchers in re.findall(r"(matline_\w+)(\{[^}]*\})?", target["expr"]):
                if "event" in VARIABLES[name] and "event" in labels.get(metric, ()):
                    assert 'event=~"$event"' in matchers


def test_a_link_of_a_panel_leads_to_a_runbook():
    links = [link["url"] for _, panel in panels() for link in panel.get("links", [])]
    assert len(links) > 20
    for url in links:
        assert (RUNBOOKS / url.removeprefix("${runbooks}/")).is_file()


def test_no_panel_lies_on_another():
    for dashboard in DASHBOARDS.values():
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            own = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not own & taken
            assert max(x for x, _ in own) < 24
            taken |= own
