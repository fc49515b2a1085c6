"""How do adjustments come into stock through Inventory Visibility, and how is known that they did?

Its bulk adjustment takes events, sums those of equal dimensions, and has Supply Chain Management make and post the journals some time later
(facts/finance-scm 2.5). It can be asked for no event, so what is in doubt is never sent again by us: the nature is `once`. Whether an `id`
protects against a second one is documented for on-hand changes only. What came of it is told by totals alone: when the posted journals of a
name nobody else uses hold of an item at a place exactly what was sent, all of it is there (`settled`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from backhaul.adapters.finance_scm import wire
from backhaul.adapters.finance_scm.imports import refused
from backhaul.adapters.odata import Answer, Connection, Meaning, OData, Row, Verdict, day_of, number
from backhaul.domain.disposition import Place
from backhaul.domain.errors import Misconfigured, RetryLater
from backhaul.domain.posting import (
    Adjustment,
    ErpDocument,
    Issue,
    JournalLine,
    Pending,
    Posting,
    PostingKey,
    PostingKind,
    PostingOutcome,
    Rejected,
    Unconfirmed,
    named,
)
from backhaul.domain.rules import LegalEntity

MOST: Final = 512
"""Records of one call; stated for the bulk interfaces (facts/finance-scm 2.5)."""
AUDIENCE: Final = "0cdb527f-a8d1-4bf8-9436-b352c68682b2/.default"
SCOPE: Final = "https://inventoryservice.operations365.dynamics.com/.default"
SECURITY: Final = "https://securityservice.operations365.dynamics.com/token"
VERSION: Final = {"Api-Version": "1.0"}
DIMENSIONS: Final[Mapping[str, str]] = {"ProductColorId": "ColorId", "ProductSizeId": "SizeId", "ProductStyleId": "StyleId",
                                        "ProductConfigurationId": "ConfigId", "ProductVersionId": "VersionId"}
"""Base dimensions of Inventory Visibility by our columns."""
SIGN: Final = {PostingKind.ADJUSTMENT: 1, PostingKind.ISSUE: -1}
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where the add-in of an environment is, and under which source and measure it counts our units."""

    url: str
    environment: str
    data_source: str
    measure: str
    security_url: str

    @classmethod
    def of(cls, entity: LegalEntity) -> "Options | None":
        """Read the options; None where adjustments go another way, `Misconfigured` where one is missing."""
        told = entity.options
        if told.get("journals_by") != "visibility":
            return None
        try:
            return cls(url=told["visibility_url"], environment=told["visibility_environment"], data_source=told["visibility_source"],
                       measure=told["visibility_measure"], security_url=told.get("visibility_token_url", SECURITY))
        except KeyError as missing:
            message = f"Legal entity {entity.id}: journals_by = 'visibility' needs the option {missing}."
            raise Misconfigured(message) from None


class Visibility(OData):
    """One environment's Inventory Visibility: the same client, a token of another scope, and no OData."""

    def __init__(self, connection: Connection, options: Options, company: str) -> None:
        """Take over the registration of the environment; open nothing yet, the first request fetches the token."""
        super().__init__(replace(connection, base_url=options.url, scope=AUDIENCE))
        self.options, self.company = options, company
        parts = urlsplit(options.security_url)
        if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
            message = f"'{parts.scheme}://{parts.hostname}' is not https."
            raise Misconfigured(message)

    def _fetch_token(self) -> tuple[str, datetime]:
        """Exchange the directory's token for one of the security service; without it nothing is sent."""
        entra, _ = super()._fetch_token()
        asked = {"grant_type": "client_credentials", "client_assertion_type": "aad_app", "client_assertion": entra, "scope": SCOPE,
                 "context": self.options.environment, "context_type": "finops-env"}
        answer, _, _ = self._once("POST", self.options.security_url, _encode(asked), {**VERSION, "Content-Type": "application/json"})
        told = answer.body if isinstance(answer.body, dict) else {}
        if answer.good and isinstance(told.get("access_token"), str):
            return told["access_token"], self.now() + timedelta(seconds=max(float(told.get("expires_in", 0)) - 60, 0))
        if answer.status in {400, 401, 403}:
            message = (f"The security service refuses client {self.connection.client_id} for environment {self.options.environment} "
                       f"({answer.status}). Check visibility_environment and that the add-in is installed there.")
            raise Misconfigured(message)
        message = "No token for Inventory Visibility: the security service gave none. Nothing was sent."
        raise RetryLater(message, after_seconds=answer.wait)

    def needs_unmet(self) -> tuple[list[str], list[str]]:
        """Say what is missing and what is worth knowing: a token is all that can be asked for without an effect."""
        try:
            self.token()
        except Misconfigured as wrong:
            return [f"Inventory Visibility: {wrong}"], []
        note = (f"Inventory Visibility gives a token. No interface tells whether {self.options.data_source}/{self.options.measure} is "
                "configured, and whether adjustments are synchronised with target status Posted and an offset.")
        return [], [note]

    def event(self, posting: Posting, journal: str, site: str, day: date) -> Row:
        """Write one adjustment under its mark; what leaves is negative. `locationId` is the warehouse."""
        units = posting.document
        if not isinstance(units, Adjustment | Issue):
            message = f"{posting.key} is no adjustment"
            raise TypeError(message)
        item = named(units)
        dimensions = {"siteId": site, "locationId": units.place.warehouse, "WMSLocationId": units.place.location,
                      "StatusId": units.place.status, **{DIMENSIONS[name]: value for name, value in item.dimensions}}
        return wire.given({
            "id": posting.key.marker, "organizationId": self.company, "productId": item.number,
            "quantityDataSource": self.options.data_source, "physicalMeasure": self.options.measure,
            "quantity": -units.quantity if isinstance(units, Issue) else units.quantity,
            "externalReferenceCategory": "Backhaul", "externalReferenceId": posting.key.return_ref[:60], "fnoJournalNameId": journal,
            "costPrice": units.unit_cost, "transDate": day.isoformat(),
        }) | {"dimensions": wire.given(dimensions)}

    def adjust(self, events: Mapping[PostingKey, Row], reference: str) -> dict[PostingKey, PostingOutcome]:
        """Send events in one call; what does not fit into it waits for the next. Raises `RetryLater` only where nothing was sent."""
        going = dict(islice(events.items(), MOST))
        outcomes: dict[PostingKey, PostingOutcome] = dict.fromkeys(
            events.keys() - going.keys(), Rejected(sentence=f"One call takes {MOST} adjustments; this one is in the next.", transient=True))
        address = f"{self.root}/api/environment/{quote(self.options.environment, safe='')}/transaction/adjustment/bulk"
        try:
            answer, _, body = self.send("POST", address, content=_encode([*going.values()]), headers={
                **VERSION, "Content-Type": "application/json"})
        except Misconfigured as wrong:  # there is no token, so nothing was sent
            return outcomes | dict.fromkeys(going, Rejected(sentence=str(wrong)))
        if not body and answer.status is not None:
            answer = replace(answer, empty=True)  # no source says that a body comes with it
        return outcomes | read(answer, going, reference)


def read(answer: Answer, events: Mapping[PostingKey, Row], reference: str) -> dict[PostingKey, PostingOutcome]:
    """Say what an answer means for each event: by the part that names it, else by the whole; parts that name none of ours prove nothing."""
    whole = _outcome(answer, answer.verdict(atomic=len(events) == 1), reference)
    rows = [row for row in answer.body if isinstance(row, dict)] if answer.good and isinstance(answer.body, list) else []
    told = {str(row.get("id")): row for row in rows}
    parts = {key: told[event["id"]] for key, event in events.items() if event["id"] in told}
    if parts:
        missing = Unconfirmed(sentence="The answer has no part for this adjustment.")
        return {key: _of_row(parts[key], reference) if key in parts else missing for key in events}
    if any(_spoilt(row) for row in rows):
        sentence = "; ".join(dict.fromkeys(str(row.get("message") or "") for row in rows if _spoilt(row)))
        whole = Unconfirmed(sentence=f"Some adjustments were refused and the answer does not say which: {sentence}")
    return dict.fromkeys(events, whole)


def _spoilt(row: Mapping[str, object]) -> bool:
    """Tell whether a part of an answer says that its event was not taken."""
    status = row.get("statusCode", 200)
    return row.get("processingStatus", "success") != "success" or not (isinstance(status, int) and status // 100 == 2)  # noqa: PLR2004


def _of_row(row: Mapping[str, object], reference: str) -> PostingOutcome:
    """Read the part of an answer that names our event, by the same table as a whole answer about one record."""
    status = row.get("statusCode")
    answer = Answer(status=status if isinstance(status, int) else None, body={"message": row.get("message")})
    return _outcome(answer, answer.verdict(), reference) if _spoilt(row) else Pending(reference=reference)


def _outcome(answer: Answer, verdict: Verdict, reference: str) -> PostingOutcome:
    meaning, then = verdict
    if meaning in {Meaning.OK, Meaning.PENDING}:
        return Pending(reference=reference)
    return refused(answer, then) if meaning is Meaning.NO else Unconfirmed(sentence=f"Nobody knows: {answer.sentence}",
                                                                           request=answer.request)


# --- what came of it -----------------------------------------------------------------------------------

Spot = tuple[str, str, str]
"""An item's number, a warehouse and a location: as much of a place as the lines of posted journals tell."""


def sent(promised: Mapping[PostingKey, JournalLine], known: Mapping[PostingKey, ErpDocument]) -> dict[Spot, Decimal]:
    """Add up what was sent, or may have been, by item and place; what stands in a journal of our own line numbers went another way."""
    sums: dict[Spot, Decimal] = {}
    for key, line in promised.items():
        by_journal = key in known and "LineNum" in known[key].ids
        if key.kind in SIGN and not line.account and not by_journal:
            units = sum((share.quantity for share in line.shares if share.key == str(key)), Decimal(0))
            spot = _spot(line)
            sums[spot] = sums.get(spot, Decimal(0)) + SIGN[key.kind] * units
    return sums


def settled(posting: Posting, line: JournalLine, sums: Mapping[Spot, Decimal], lines: Iterable[Row]) -> ErpDocument | None:
    """Say that a posting is in stock when all that was sent for its item and place is: nothing tells whose a journal's line is.

    `lines` are those of posted journals whose name nobody else uses. More or less than was sent settles nothing; a person compares.
    """
    spot, units = _spot(line), posting.document
    mine = [row for row in lines if (str(row.get("ItemId")), str(row.get("InventLocationId") or ""),
                                     str(row.get("WMSLocationId") or "")) == spot]
    if not mine or not isinstance(units, Adjustment | Issue) or sum((number(row.get("Qty")) for row in mine), Decimal(0)) != sums.get(spot):
        return None
    last = max(mine, key=lambda row: (str(row.get("TransDate")), str(row["JournalId"]), number(row.get("LineNum"))))
    return ErpDocument(number=str(last["JournalId"]), quantity=SIGN[posting.key.kind] * units.quantity,
                       place=Place(warehouse=spot[1], location=spot[2]), voucher=str(last.get("Voucher") or ""),
                       posted_on=day_of(last.get("TransDate")),
                       ids={"JournalNumber": str(last["JournalId"]), "InventoryVisibility": posting.key.marker})


def _spot(line: JournalLine) -> Spot:
    return named(line).number, line.place.warehouse, line.place.location
