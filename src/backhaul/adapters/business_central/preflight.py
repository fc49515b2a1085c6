"""What does a deployment mode need from a company of Business Central, and which of it is not there?

Every set the mode reads is asked for one record with all its columns, so that a right, a column or a whole set that is missing shows with
the server's own words; the surfaces other modes need are looked for as well (facts/business-central 12). Every unmet need is named.
"""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from backhaul.adapters.business_central import bridge, inbox, wire
from backhaul.adapters.business_central.central import EXTENSION, SAFE, Ask, Central
from backhaul.adapters.business_central.looking import CUSTOMERS_SIDE, LEDGER, LEDGER_COLUMNS
from backhaul.adapters.business_central.masters import COLUMNS, ITEMS, OPTIONAL, VARIANTS
from backhaul.adapters.business_central.refusals import sentence_of
from backhaul.adapters.business_central.routes import Mode
from backhaul.adapters.odata import quoted
from backhaul.domain.disposition import JournalType, Outcome
from backhaul.domain.errors import RetryLater
from backhaul.domain.posting import PostingKind
from backhaul.domain.rules import LegalEntity, Rules

USED: Final[Mapping[str, tuple[str, ...]]] = {**COLUMNS, **wire.SELECT, LEDGER: LEDGER_COLUMNS}
EXPANDED: Final[Mapping[str, str]] = {**wire.LINES_OF, ITEMS: VARIANTS}
NEWER: Final = "salesReturnOrders"
"""A set that is there from version 29 on, for reading only (facts/business-central 1)."""
ENDS: Final = 30
"""The version in which Microsoft's own pages are served as OData no more (facts/business-central 2)."""


def probe(central: Central, mode: Mode, told: wire.Settings, entity: LegalEntity, rules: Rules) -> tuple[list[str], list[str]]:
    """Give what is missing and what is worth knowing; raise `RetryLater` when the environment does not answer."""
    path = central.path
    missing: list[str] = []
    optional: list[str] = []
    addresses = {name: f"{path}/{name}?$top=1&$select={','.join(columns)}{_expand(name)}" for name, columns in USED.items()}
    for name, answer in zip((*addresses, NEWER), central.ask((*addresses.values(), f"{path}/{NEWER}?$top=1")), strict=True):
        if name == NEWER:
            newer = answer.good
        elif answer.status in {429, 503} or answer.status is None:
            message = f"The environment does not answer about {name}: {sentence_of(answer)}"
            raise RetryLater(message, after_seconds=answer.wait)
        elif not answer.good:
            (optional if name in OPTIONAL else missing).append(f"entity set {name} as this mode reads it: {sentence_of(answer)}")
    bridged = _is_there(central, f"{central.root}/ODataV4/Company({quote(quoted(told.company), safe=SAFE)})/{bridge.ORDERS}?$top=1")
    missing += _mapping(mode, entity, rules)
    told_by = _needs_of_the_inbox(central) if mode.inboxed else ([], [])
    missing += told_by[0]
    if mode.inboxed and not told_by[0]:
        missing += _needs_of_journals(central, entity, rules)
    if mode.bridged:
        missing += _needs_of_the_bridge(central, bridged=bridged)
    notes = [(f"Business Central {central.version or 'of a version it does not tell'}: {NEWER} {'is' if newer else 'is not'} there, "
              f"the published service {bridge.ORDERS} {'is' if bridged else 'is not'} (mode B needs it, and it ends with version {ENDS})."),
             *mode.loses, *told_by[1], *(f"optional: {line}" for line in optional)]
    if not mode.inboxed:
        notes += ["Whether Exact Cost Reversing Mandatory is on no field of API v2.0 tells; where it is, nothing can be posted in mode C.",
                  "Whether the application may post no read tells; the first posting does."]
    if not (told.receivable_accounts and told.tax_accounts):
        gross = "gross" if mode.letter in CUSTOMERS_SIDE else "only that they are in it"
        notes.append("Without the options receivable_accounts and tax_accounts the control sheet takes amounts from the memos, and from "
                     f"the ledger {gross}.")
    if any(owner == entity.id for owner, _ in rules.surplus) and PostingKind.ADJUSTMENT not in mode.route.goods:
        notes.append("[surplus] is told for this legal entity; its units are found and not posted in this mode.")
    return missing, notes


def _expand(name: str) -> str:
    return f"&$expand={EXPANDED[name]}" if name in EXPANDED else ""


def _needs_of_the_inbox(central: Central) -> tuple[list[str], list[str]]:
    """Say what the extension lacks, as it tells itself: number series, and the right to post."""
    asked = Ask(entity_set=inbox.ABLE, select=inbox.SELECT[inbox.ABLE])
    (rows,) = central.read([asked], optional={inbox.ABLE}, service=EXTENSION)
    if not rows:
        return ["the extension Backhaul Returns (extensions/business-central), or the right to its API"], []
    able = rows[0]
    wanted = {"returnOrderNumbers": "a number series for return orders", "returnReceiptNumbers": "a number series for return receipts",
              "creditMemoNumbers": "a number series for posted credit memos", "canPostSales": "the right to post sales documents"}
    exact = "is" if able.get("exactCostReversingMandatory") else "is not"
    return [what for name, what in wanted.items() if not able.get(name)], [
        f"Extension Backhaul Returns {able.get('extensionVersion')}: Exact Cost Reversing Mandatory {exact} on."]


def _needs_of_journals(central: Central, entity: LegalEntity, rules: Rules) -> Iterator[str]:
    """Say what item journals lack where the profile needs them for units nobody announced."""
    mine = [rule for (owner, _), rule in rules.surplus.items() if owner == entity.id]
    (rows,) = central.read([Ask(entity_set=inbox.ABLE, select=inbox.SELECT[inbox.ABLE])], service=EXTENSION) if mine else ([],)
    if rows and not rows[0].get("canPostItems"):
        yield "the right to post item journals, which [surplus] needs"
    if any(rule.journal_type is JournalType.MOVEMENT for rule in mine):
        yield "[surplus]: an item journal takes its account from posting setup, so journal_type = 'movement' cannot be sent"


def _needs_of_the_bridge(central: Central, *, bridged: bool) -> Iterator[str]:
    """Say what return orders by published services lack: the services themselves, and a job that posts."""
    if not bridged:
        yield f"the published services {bridge.ORDERS} and {bridge.LINES} (page 6402 and 6403)"
    (jobs,) = central.read([Ask(entity_set=bridge.JOBS, select=bridge.SELECT[bridge.JOBS])], optional={bridge.JOBS})
    if not any(row.get("objectIdToRun") == bridge.REPORT for row in jobs):
        yield f"a job queue entry for report {bridge.REPORT} (Batch Post Sales Return Orders) that receives and invoices"


def _is_there(central: Central, url: str) -> bool:
    """Tell whether a surface answers at all; one that is away or not for us counts as not there."""
    answer = central.send("GET", url)[0]
    return answer.good


def _mapping(mode: Mode, entity: LegalEntity, rules: Rules) -> Iterator[str]:
    """Say which mapping rows this mode cannot carry out."""
    for row in rules.mapping:
        where = f"mapping of {row.when.disposition}/{row.when.condition} at {row.when.warehouse}"
        if row.when.legal_entity != entity.id or not row.credit:
            continue
        on_account = row.erp_disposition.startswith(wire.ACCOUNT)
        if on_account is not (row.outcome is Outcome.WITHOUT_GOODS):
            yield (f"{where}: goods that are not there, and only they, are credited on an account (erp_disposition = '{wire.ACCOUNT}"
                   f"NUMBER'); it says '{row.erp_disposition}' for {row.outcome.value}")
        if row.place.location != wire.NO_BIN and mode.letter == "C":
            yield f"{where}: bin '{row.place.location}'; API v2.0 names no bins, so its location is '{wire.NO_BIN}'"
