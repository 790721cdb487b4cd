"""What all dashboards have alike: variables, annotations, links, and the looks of a panel.

A panel on which an alert can be seen links to its runbook. Prometheus serves the runbooks; the variable `runbooks` says
where it is.
"""

from collections.abc import Sequence
from itertools import count

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

TAG = "matline"
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
RATE = "$__rate_interval"
RUNBOOKS = "http://127.0.0.1:9090/user"  # as deploy/compose.yaml has it
PALETTE = ("green", "red")
PUBLISHED = 'matline_ingest_facts_total{type="results_published"}'

Query = tuple[str, str]
"""An expression, and the legend of its series."""

Row = tuple[str, Sequence[timeseries.Panel | stat.Panel]]
"""A title and the panels under it."""


def graph(title: str, *queries: Query, unit: str = "short", alert: str | None = None) -> timeseries.Panel:
    """Return a panel that draws queries over time."""
    legend = common_builders.VizLegendOptions().display_mode(common.LegendDisplayMode.LIST)
    return (
        timeseries.Panel()
        .title(title)
        .unit(unit)
        .datasource(SOURCE)
        .span(8)
        .height(8)
        .legend(legend.placement(common.LegendPlacement.BOTTOM).show_legend(True))
        .targets(_targets(queries))
        .links(_links(alert))
    )


def number(
    title: str, expression: str, unit: str = "short", turns_at: float | None = None, alert: str | None = None
) -> stat.Panel:
    """Return a panel with the present value of an expression, which is red from `turns_at` on."""
    return _number(title, expression, unit, alert, turns_at, PALETTE)


def number_up_to(title: str, expression: str, least: float, alert: str | None = None) -> stat.Panel:
    """Return a panel with the present value of an expression, which is red below `least`."""
    return _number(title, expression, "short", alert, least, PALETTE[::-1])


def _number(
    title: str, expression: str, unit: str, alert: str | None, turns_at: float | None, colours: Sequence[str]
) -> stat.Panel:
    steps = [models.Threshold(value=None, color=colours[0])]
    if turns_at is not None:
        steps.append(models.Threshold(value=turns_at, color=colours[1]))
    thresholds = dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
    return (
        stat.Panel()
        .title(title)
        .unit(unit)
        .datasource(SOURCE)
        .span(4)
        .height(4)
        .thresholds(thresholds)
        .targets(_targets([(expression, "")]))
        .links(_links(alert))
    )


def quantile(share: float, histogram: str, *by: str) -> str:
    """Return the value below which this share of a histogram's observations lies, by labels."""
    labels = ", ".join(("le", *by))
    return f"histogram_quantile({share:g}, sum by ({labels}) (rate({histogram}_bucket[{RATE}])))"


def per_second(counter: str, *by: str) -> str:
    """Return how fast a counter rises, by labels."""
    rate = f"(rate({counter}[{RATE}]))"
    return f"sum by ({', '.join(by)}) {rate}" if by else f"sum{rate}"


def board(
    uid: str, title: str, description: str, variables: Sequence[dashboard.QueryVariable], rows: Sequence[Row]
) -> dashboard.Dashboard:
    """Return a dashboard: its variables, annotations, links to the others, and rows of panels."""
    others = dashboard.DashboardLink("Matline").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    made = (
        dashboard.Dashboard(f"Matline: {title}")
        .uid(f"matline-{uid}")
        .description(description)
        .tags([TAG])
        .refresh("5s")
        .time("now-1h", "now")
        .timezone("browser")
        .link(others.as_dropdown(True).include_vars(True).keep_time(True))
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for variable in variables:
        made = made.with_variable(variable)
    runbooks = dashboard.TextBoxVariable("runbooks").label("Runbooks").default_value(RUNBOOKS)
    made = made.with_variable(runbooks.current(models.VariableOption(text=RUNBOOKS, value=RUNBOOKS)))
    for annotation in ANNOTATIONS:
        made = made.annotation(_Made(annotation))
    numbers = count(1)
    for row, panels in rows:
        made = made.with_row(dashboard.Row(row).id(next(numbers)))
        for panel in panels:
            made = made.with_panel(panel.id(next(numbers)))
    return made


def events() -> dashboard.QueryVariable:
    """Return the variable `event`: some or all of the events that changed within a day."""
    return _all_or_some(one_event())


def one_event() -> dashboard.QueryVariable:
    """Return the variable `event`: one of the events that changed within a day."""
    return _values("event", "Event", "label_values(matline_projections_event_lag_seconds, event)")


def event_races() -> dashboard.QueryVariable:
    """Return the variable `race`: some or all races of the event."""
    return _all_or_some(_values("race", "Race", 'label_values(matline_projections_athletes{event=~"$event"}, race)'))


def _values(name: str, label: str, query: str) -> dashboard.QueryVariable:
    made = dashboard.QueryVariable(name).label(label).datasource(SOURCE).query(query)
    return made.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)


def _all_or_some(variable: dashboard.QueryVariable) -> dashboard.QueryVariable:
    chosen = models.VariableOption(text="All", value="$__all")
    return variable.multi(True).include_all(True).all_value(".*").current(chosen)


class _Annotation(models.AnnotationQuery):
    """An annotation of Prometheus, with fields that the library does not know: the title, and whether the value of the
    expression is the instant, in milliseconds.
    """

    def __init__(self, name: str, expression: str, colour: str, title: str, dated: bool) -> None:
        super().__init__(name=name, datasource=SOURCE, icon_color=colour, expr=expression)
        self._more = {"titleFormat": title, "useValueForTime": dated}

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), **self._more}


class _Made(Builder[models.AnnotationQuery]):
    """Hands a dashboard an annotation that is built already."""

    def __init__(self, annotation: models.AnnotationQuery) -> None:
        self._annotation = annotation

    def build(self) -> models.AnnotationQuery:
        return self._annotation


ANNOTATIONS = (
    _Annotation(
        "Guns",
        "max by (event, race) (matline_projections_race_gun_timestamp_seconds) * 1000",
        "green",
        "gun: {{event}} {{race}}",
        dated=True,
    ),
    _Annotation(
        "Publications",
        # compared with a minute ago, Grafana's step for annotations: `increase` does not see a counter's first count
        f"sum({PUBLISHED}) > (sum({PUBLISHED} offset 1m) or vector(0))",
        "blue",
        "results published or withdrawn",
        dated=False,
    ),
    _Annotation(
        "Starts of services",
        "(process_start_time_seconds and on (job, instance) matline_build_info) * 1000",
        "orange",
        "start: {{job}} {{instance}}",
        dated=True,
    ),
)


def _targets(queries: Sequence[Query]) -> list[Builder[variants.Dataquery]]:
    return [
        prometheus.Dataquery().datasource(SOURCE).expr(expression).legend_format(legend).ref_id(chr(ord("A") + number))
        for number, (expression, legend) in enumerate(queries)
    ]


def _links(alert: str | None) -> list[Builder[models.DashboardLink]]:
    if alert is None:
        return []
    link = dashboard.DashboardLink(f"Runbook: {alert}").type(models.DashboardLinkType.LINK)
    return [link.url(f"${{runbooks}}/{alert}.md").target_blank(True)]
