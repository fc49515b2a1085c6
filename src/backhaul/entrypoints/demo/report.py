"""What does a controller want to read when the demo is done?"""

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

LABELS: Final = {
    "credited_restocked": "credited and restocked", "credited_non_sellable": "credited, non-sellable",
    "credited_scrapped": "credited and scrapped", "credited_without_goods": "credited without goods",
    "service_item": "credited through a service item", "rejected": "rejected and closed",
    "waiting": "waiting with a due date", "held": "held in an owned exception",
}


def show(out: Console, summary: Mapping[str, Any]) -> None:
    """Print where every unit of money is, who has to decide what, and what it cost in calls."""
    places = Table("place", "GBP net", title=f"{summary['lines_in']} lines of {summary['returns']} real returns")
    places.columns[1].justify = "right"
    for name, amount in summary["parts"].items():
        places.add_row(LABELS[name], amount)
    places.add_section()
    places.add_row("input", summary["input_total"])
    places.add_row("difference", summary["difference"])
    out.print(places)
    held = Table("exception", "count", "GBP net", "owner", title="What people have to decide")
    for column in held.columns[1:3]:
        column.justify = "right"
    for kind, row in summary["exceptions_by_kind"].items():
        held.add_row(kind, str(row["count"]), row["money"], row["owner"])
    out.print(held)
    out.print(f"{summary['credit_notes']} credit notes, {summary['duplicate_credits']} credited twice, "
              f"{summary['stock_units_moved']} units received and read back. "
              f"VAT expected {summary['vat']['expected']}, read back {summary['vat']['read_back']}, in the ERP's documents "
              f"{summary['vat']['erp']}, in its ledger {summary['vat']['ledger']}.")
    batched = f"{summary['erp_calls']} ERP calls, {summary['erp_calls_per_return']} per return in windows"
    real_time = summary.get("real_time")
    if real_time:
        batched += f"; {real_time['erp_calls_per_return']} in real time (first {real_time['returns']} returns)"
    out.print(f"{batched}.")
    vouchers = f"{summary['credit_vouchers_per_100_returns']} credit vouchers per 100 returns in windows"
    if real_time:
        vouchers += (f"; of the first {real_time['returns']} returns {real_time['credit_vouchers_per_100_of_the_same_in_windows']} in "
                     f"windows, {real_time['credit_vouchers_per_100_returns']} in real time")
    out.print(f"{vouchers}.")
    out.print("Every identity holds." if summary["holds"] else "An identity does not hold.", style="green" if summary["holds"] else "red")
