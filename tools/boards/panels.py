"""The words in which the dashboards are written; the adapter to grafana-foundation-sdk.

In an expression `{@` opens a selector and stands for namespace, job and instance as chosen on the page, so no
query can forget them: `tidegate_requests_total{@,route=~"$route"}`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grafana_foundation_sdk.builders import common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

__all__ = [
    "SELECTOR",
    "Annotation",
    "Board",
    "Column",
    "Link",
    "Panel",
    "Query",
    "Row",
    "Variable",
    "empty",
    "encode",
    "expand",
    "graph",
    "linked",
    "listing",
    "number",
    "of_caches",
    "of_gateways",
    "ranking",
    "timeline",
    "whole",
]

SELECTOR = 'namespace=~"$namespace",job=~"$job",instance=~"$instance"'
SOURCE = models.DataSourceRef("prometheus", "${datasource}")
GREEN, YELLOW, RED, BLUE = "green", "yellow", "red", "blue"

Panel = timeseries.Panel | stat.Panel | statetimeline.Panel | table.Panel


@dataclass(frozen=True, slots=True)
class Query:
    """`legend` as Grafana writes it (`{{route}}`); `exemplars` shows trace ids on the graph."""

    expr: str
    legend: str = ""
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """`is_collapsed`: closed until somebody opens it, because a plain installation has nothing to show there."""

    title: str
    panels: Sequence[Panel]
    is_collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """Where a click on a value leads; `column` is the table's column that carries it, "" all values."""

    title: str
    url: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a ranking: what it is called, and the expression of its values."""

    title: str
    expr: str
    unit: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice of the page: the values that the label `name` has on `metric`."""

    name: str
    label: str
    metric: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """A mark on every graph where `expr` has a value; `text` may hold `{{label}}`."""

    name: str
    expr: str
    text: str
    color: str


@dataclass(frozen=True, slots=True)
class Board:
    """`uid` never changes: links and bookmarks hang on it. `metrics` say which jobs the page is about."""

    uid: str
    title: str
    description: str
    metrics: Sequence[str]
    rows: Sequence[Row]
    variables: Sequence[Variable] = ()
    annotations: Sequence[Annotation] = field(default_factory=tuple)
    leads_to_monitor: bool = False
    """Whether the page asks where the live page is, for links that hold `${monitor}`."""


def expand(expr: str) -> str:
    return expr.replace("{@", "{" + SELECTOR)


def of_gateways(expr: str) -> str:
    """Only the series of Tidegate's gateways: every program that Prometheus scrapes exports `process_*`."""
    return f"{expr} and on (namespace, job, instance) tidegate_build_info{{@}}"


def of_caches(expr: str) -> str:
    """Only the series of replicas of the cache service."""
    return f"{expr} and on (namespace, job, instance) tidegate_cache_store_up{{@}}"


def whole(panel: Panel) -> Panel:
    """Of things that are counted: `increase` extrapolates, so its results are not whole numbers."""
    return panel.decimals(0)


def empty(panel: Panel, why: str) -> Panel:
    """What the panel says in place of "No data", where having none is no fault."""
    return panel.no_value(why)


def linked(panel: Panel, *links: Link) -> Panel:
    """A click on a value offers these links, in new windows."""
    for column in sorted({link.column for link in links}):
        of_column = [link for link in links if link.column == column]
        shown = [{"title": link.title, "url": link.url, "targetBlank": True} for link in of_column]
        property_ = models.DynamicConfigValue(id_val="links", value=shown)
        panel = (
            panel.override_by_name(column, [property_])
            if column
            else panel.override_by_regexp(".*", [property_])
        )
    return panel


def graph(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    limits: Mapping[float, str] | None = None,
    stacked: bool = False,
    span: int = 12,
) -> Panel:
    """Lines over time; `limits`: from this value on, this colour is drawn as a line."""
    panel = (
        timeseries.Panel()
        .fill_opacity(25 if stacked else 8)
        .line_width(1)
        .min(0)
        .show_points(words.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(words.LegendDisplayMode.TABLE)
            .placement(words.LegendPlacement.BOTTOM)
            .calcs(["mean", "max", "lastNotNull"])
        )
        .tooltip(
            common.VizTooltipOptions().mode(words.TooltipDisplayMode.MULTI).sort(words.SortOrder.DESCENDING)
        )
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(words.StackingMode.NORMAL))
    if limits:
        style = common.GraphThresholdsStyleConfig().mode(words.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(style)
    return _finish(panel, title, description, unit, queries, limits, (span, 8))


def number(
    title: str,
    description: str,
    unit: str,
    expr: str,
    *,
    limits: Mapping[float, str] | None = None,
    span: int = 6,
) -> Panel:
    """One figure as it is now; `limits`: from this value on, this colour."""
    panel = (
        stat.Panel()
        .graph_mode(words.BigValueGraphMode.AREA)
        .color_mode(words.BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return _finish(panel, title, description, unit, [Query(expr, title)], limits, (span, 4))


def timeline(
    title: str,
    description: str,
    queries: Sequence[Query],
    states: Mapping[int, tuple[str, str]],
    *,
    span: int = 24,
) -> Panel:
    """A bar per series whose colour is its state; `states`: value → (word, colour)."""
    options = {
        str(value): models.ValueMappingResult(text=word, color=color, index=index)
        for index, (value, (word, color)) in enumerate(states.items())
    }
    panel = (
        statetimeline.Panel()
        .mappings([models.ValueMap(options)])
        .merge_values(True)
        .show_value(words.VisibilityMode.AUTO)
        .fill_opacity(80)
    )
    limits = {float(value): color for value, (_, color) in sorted(states.items())}
    return _finish(panel, title, description, "none", queries, limits, (span, 8))


def listing(
    title: str, description: str, unit: str, expr: str, *, hidden: Sequence[str] = (), span: int = 12
) -> Panel:
    """A table with a row per series as it is now, its labels as columns but for those that are `hidden`."""
    panel = table.Panel().with_transformation(_organized(hidden, {}))
    return _finish(panel, title, description, unit, [Query(expr)], None, (span, 8))


def ranking(title: str, description: str, columns: Sequence[Column], *, span: int = 24) -> Panel:
    """A table with a row per label set that all columns share, the largest of the first column on top."""
    names = {f"Value #{letter}": column.title for letter, column in zip("ABCDEFGH", columns, strict=False)}
    panel = (
        table.Panel()
        .with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(_organized((), names))
        .sort_by([common.TableSortByFieldState().display_name(columns[0].title).desc(True)])
    )
    for column in columns:
        unit = models.DynamicConfigValue(id_val="unit", value=column.unit)
        panel = panel.override_by_name(column.title, [unit])
    queries = [Query(column.expr) for column in columns]
    return _finish(panel, title, description, columns[0].unit, queries, None, (span, 8))


def _organized(hidden: Sequence[str], names: Mapping[str, str]) -> models.DataTransformerConfig:
    unwanted = ("Time", "__name__", "namespace", "job", *hidden)
    return models.DataTransformerConfig(
        id_val="organize",
        options={"excludeByName": dict.fromkeys(unwanted, True), "renameByName": dict(names)},
    )


def _finish(
    panel: Panel,
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    limits: Mapping[float, str] | None,
    size: tuple[int, int],
) -> Panel:
    width, height = size
    finished = (
        panel.title(title).description(description).unit(unit).datasource(SOURCE).span(width).height(height)
    )
    steps = [models.Threshold(value=value, color=color) for value, color in sorted((limits or {}).items())]
    if not steps or steps[0].value != 0:
        steps.insert(0, models.Threshold(value=None, color=GREEN))
    else:
        steps[0] = models.Threshold(value=None, color=steps[0].color)
    finished = finished.thresholds(build.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    is_table = isinstance(panel, table.Panel)
    for letter, query in zip("ABCDEFGH", queries, strict=False):
        target = prometheus.Dataquery().expr(expand(query.expr)).ref_id(letter).datasource(SOURCE)
        target = target.instant().format(PromQueryFormat.TABLE) if is_table else target.range()
        if query.legend:
            target = target.legend_format(query.legend)
        finished = finished.with_target(target.exemplar(query.exemplars))
    return finished


def _variable(
    name: str, label: str, metrics: Sequence[str], scope: str, all_value: str
) -> build.QueryVariable:
    named = f'__name__=~"{"|".join(metrics)}"'
    return (
        build.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(f"label_values({{{','.join(filter(None, (named, scope)))}}}, {name})")
        .multi(True)
        .include_all(True)
        .all_value(all_value)
        .current(models.VariableOption(text="All", value="$__all", selected=True))
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.NATURAL_ASC)
    )


def _dashboard(board: Board) -> build.Dashboard:
    page = (
        build.Dashboard(f"Tidegate / {board.title}")
        .uid(board.uid)
        .description(board.description)
        .tags(["tidegate"])
        .readonly()
        .refresh("30s")
        .time("now-1h", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(build.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_variable("namespace", "Namespace", board.metrics, "", ".*"))  # none outside a cluster
        .with_variable(_variable("job", "Job", board.metrics, 'namespace=~"$namespace"', ".+"))
        .with_variable(
            _variable("instance", "Instance", board.metrics, 'namespace=~"$namespace",job=~"$job"', ".+")
        )
        .link(
            build.DashboardLink("Other questions")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["tidegate"])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
    )
    for one in board.variables:
        page = page.with_variable(_variable(one.name, one.label, [one.metric], SELECTOR, ".*"))
    if board.leads_to_monitor:
        page = page.with_variable(
            build.TextBoxVariable("monitor")
            .label("Live page at")
            .description(
                "Where links to /monitor lead: the admin port of a gateway, or a port that is forwarded to it."
            )
            .default_value("http://localhost:9080")
        )
    for mark in board.annotations:
        page = page.annotation(
            build.AnnotationQuery()
            .name(mark.name)
            .datasource(SOURCE)
            .enable(True)
            .icon_color(mark.color)
            .expr(expand(mark.expr))
        )
    panel_id = 0
    for row in board.rows:
        panel_id += 1
        head = build.Row(row.title).id(panel_id).collapsed(row.is_collapsed)
        numbered = [panel.id(panel_id + place) for place, panel in enumerate(row.panels, start=1)]
        panel_id += len(numbered)
        if row.is_collapsed:  # Grafana wants the panels of a closed row inside it
            for panel in numbered:
                head = head.with_panel(panel)
        page = page.with_row(head)
        for panel in () if row.is_collapsed else numbered:
            page = page.with_panel(panel)
    return page


def encode(board: Board) -> str:
    """The dashboard as Grafana imports it; the same bytes every time."""
    page = json.loads(JSONEncoder().encode(_dashboard(board).build()))
    for shown, mark in zip(page.get("annotations", {}).get("list", []), board.annotations, strict=True):
        shown.update(titleFormat=mark.name, textFormat=mark.text, step="10s")  # no words for these in the SDK
    return json.dumps(page, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
