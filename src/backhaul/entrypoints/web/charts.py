"""What would people rather look at than read?

Drawn on the server as SVG by pygal and shown as images, so that no page needs a script or a style of its own for it. Every chart has a
table that says the same. An image has no scripts and reaches nothing; its policy allows it its own style and no more.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pygal
from litestar import Response, get
from litestar.handlers import BaseRouteHandler
from pygal.style import Style

from backhaul.adapters.sql import lists, pulse
from backhaul.application.close_ahead import ahead
from backhaul.domain.access import Action
from backhaul.domain.roll_forward import NAMES
from backhaul.entrypoints.overseeing import days
from backhaul.entrypoints.web.console import Console, query
from backhaul.entrypoints.web.door import AnyRequest
from backhaul.entrypoints.web.pages.roll_forward import found as rolled_month
from backhaul.entrypoints.web.wording import plain

# pygal looks for its maps by a finder of the old kind, which whoever else asks the import system for a module stumbles over.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "PluginImportFixer"]
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
TOP: Final = 8
AGES: Final[Mapping[str, timedelta]] = {
    "under a day": timedelta(days=1), "1 to 3 days": timedelta(days=3), "3 to 7 days": timedelta(days=7)}
OLDER: Final = "over 7 days"
BOTH_THEMES: Final = """
  {{ id }}.graph text { fill: #616161 !important; font-size: 12px !important; }
  {{ id }}.graph .axis .guides .line, {{ id }}.graph .axis .line { stroke: #d1d1d1 !important; stroke-dasharray: none !important; }
  @media (prefers-color-scheme: dark) {
    {{ id }}.graph text { fill: #adadad !important; }
    {{ id }}.graph .axis .guides .line, {{ id }}.graph .axis .line { stroke: #3d3d3d !important; }
  }
"""
LOOK: Final = Style(
    background="transparent", plot_background="transparent", foreground="#616161", foreground_strong="#616161", foreground_subtle="#d1d1d1",
    opacity="1", opacity_hover="1", font_family="Segoe UI, DejaVu Sans, sans-serif", label_font_size=12, major_label_font_size=12,
    legend_font_size=12, value_font_size=12, no_data_font_size=14, transition="0s",
    colors=("#2b88d8", "#d77a2b", "#8a63c9", "#3a9e6e"))


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/charts/held.svg", action=Action.SEE, sync_to_thread=True)
    def held(request: AnyRequest) -> Response[bytes]:
        reach, team = console.reach(request), query(request, "team")
        with console.house.store.read() as connection:
            causes = lists.causes(connection, reach, now=console.clock.now(), owner=team)
        currencies = sorted({cause.currency for cause in causes if cause.money})
        kinds = list(dict.fromkeys(cause.kind for cause in causes if cause.money))[:TOP][::-1]
        chart = _bars(pygal.HorizontalBar, 320)
        chart.x_labels = [plain(kind) for kind in kinds]
        for currency in currencies:
            sums = {kind: sum((abs(cause.money) for cause in causes if cause.kind == kind and cause.currency == currency), Decimal(0))
                    for kind in kinds}
            chart.add(currency, [float(sums[kind]) for kind in kinds])  # a length on paper, not an amount
        return _drawn(chart)

    @get("/charts/flow.svg", action=Action.SEE, sync_to_thread=True)
    def flow(request: AnyRequest) -> Response[bytes]:
        reach = console.reach(request)
        names = [source.name for source in console.house.profiles[reach.tenant].sources]
        found = days(console.house.store, names, reach, console.clock.now())
        chart = _bars(pygal.Bar, 320)
        chart.x_labels = [f"{each.day:%d %b}" for each in found]
        chart.x_labels_major_every, chart.show_minor_x_labels = 2, False
        chart.add("messages in", [each.came for each in found])
        chart.add("returns out", [each.went for each in found])
        chart.y_labels = _ticks(max(max(each.came, each.went) for each in found))
        return _drawn(chart)

    @get("/charts/age.svg", action=Action.SEE, sync_to_thread=True)
    def ages(request: AnyRequest) -> Response[bytes]:
        with console.house.store.read() as connection:
            found = pulse.ages(connection, console.reach(request), console.clock.now(), list(AGES.values()))
        chart = _bars(pygal.StackedBar, 280)
        chart.x_labels = [plain(team) for team, _ in found]
        for number, label in enumerate((*AGES, OLDER)):
            chart.add(label, [counts[number] for _, counts in found])
        chart.y_labels = _ticks(max((sum(counts) for _, counts in found), default=0))
        return _drawn(chart)

    @get("/charts/roll-forward.svg", action=Action.SEE, whole=True, sync_to_thread=True)
    def rolled(request: AnyRequest) -> Response[bytes]:
        _, told, _ = rolled_month(console, request)
        rows = [row for row in (told.rows if told else ()) if row.flow.value == query(request, "flow")]
        names = NAMES[rows[0].flow] if rows else ()
        chart = _bars(pygal.Bar, 320)
        chart.x_labels = ["Opening", *(plain(name).removesuffix(" difference") for name in names), "Closing"]
        for currency in sorted({row.whose.currency for row in rows}):
            mine = [row for row in rows if row.whose.currency == currency]
            sums = [sum((row.opening for row in mine), Decimal(0)),
                    *(sum((row.movements[name] for row in mine), Decimal(0)) for name in names),
                    sum((row.closing for row in mine), Decimal(0))]
            chart.add(currency or "no currency", [float(amount) for amount in sums])  # a length on paper, not an amount
        return _drawn(chart)

    @get("/charts/close.svg", action=Action.SEE, whole=True, sync_to_thread=True)
    def coming(request: AnyRequest) -> Response[bytes]:
        rules, period = console.house.profiles[console.tenant(request)].rules, query(request, "period")
        outlook = ahead(console.house.store, rules, period, console.clock.now()).outlook if rules.knows(period) else ()
        many = {cause: sum(row.open for row in outlook if row.cause == cause) for cause in sorted({row.cause for row in outlook})}
        causes = sorted(many, key=lambda cause: -many[cause])[:TOP][::-1]
        chart = _bars(pygal.HorizontalBar, 320)
        chart.x_labels = [plain(cause) for cause in causes]
        chart.add("open now", [many[cause] for cause in causes])
        chart.add("left at the cut-off", [sum(row.left for row in outlook if row.cause == cause) for cause in causes])
        return _drawn(chart)

    return [held, flow, ages, rolled, coming]


def _bars(kind: Any, height: int) -> Any:  # noqa: ANN401  pygal has no types
    return kind(width=640, height=height, style=LOOK, js=[], css=["file://style.css", "file://graph.css", f"inline:{BOTH_THEMES}"],
                legend_at_bottom=True, legend_box_size=12, margin=8, spacing=8, show_y_guides=True, show_x_guides=False,
                no_data_text="Nothing to show", truncate_label=-1, truncate_legend=-1, print_values=False,
                disable_xml_declaration=True, pretty_print=False, no_prefix=False)


def _ticks(most: int) -> list[int]:
    """Give a few whole numbers for an axis that counts things."""
    step = next((size * 10 ** power for power in range(12) for size in (1, 2, 5) if most <= 6 * size * 10 ** power), most)
    return list(range(0, most + step, step))


def _without_scripts(drawing: Any) -> Any:  # noqa: ANN401  an element of pygal's
    """Take out what pygal brings along for pages that run scripts."""
    for parent in list(drawing.iter()):
        for child in [each for each in parent if str(each.tag).endswith("script")]:
            parent.remove(child)
    return drawing


def _drawn(chart: Any) -> Response[bytes]:  # noqa: ANN401  pygal has no types
    chart.add_xml_filter(_without_scripts)
    return Response(chart.render(is_unicode=False), media_type="image/svg+xml", headers={"content-security-policy": POLICY})


__all__: Sequence[str] = ["POLICY", "routes"]
