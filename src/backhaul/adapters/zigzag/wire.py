"""What does a message of this tenant's platform tell us?

Payload in, facts out, by the profile alone: no event name, no field and no word of ZigZag's stands
here (facts/zigzag 4: none is public). The reader is tolerant of spelling and of what it does not
know, and strict about what it uses: a value nobody explained becomes an `Unreadable` fact that a person
sees, never a guess. What cannot even be tied to a return is `Unusable` as a whole.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from backhaul.adapters.zigzag.payload import Basis, EventRule, Hub, Part, Payload, Words, aliases, compiled
from backhaul.adapters.zigzag.reader import Json, Path, exact, get, items, leaves, normalise, read_json
from backhaul.adapters.zigzag.telling import tell
from backhaul.application.ports import Platform, Unusable
from backhaul.domain.delivery import Delivery
from backhaul.domain.facts import (
    RANK,
    Announced,
    AnnouncedLine,
    Charge,
    Charged,
    Count,
    Exchanged,
    Fact,
    Grade,
    Inspected,
    LineRef,
    Lost,
    Progressed,
    Received,
    Refunded,
    Stage,
    Unreadable,
)
from backhaul.domain.money import Money

OLDEST: Final = 2000
"""An event of an earlier year is a clock that was never set (IN-20)."""
UNUSABLE: Final = "backhaul:unusable"
"""The key under which rows of a file that make no message say why; whenever they are read, that is the answer."""
MICRO: Final = Decimal("0.000001")
"""Net prices that we compute from gross ones are kept to this."""

_log: Final = logging.getLogger("backhaul.zigzag")


class Unclear(Exception):  # noqa: N818  raised and caught inside this module
    """A value of a message whose return is known says nothing we can use."""

    def __init__(self, sentence: str, value: object = "", code: str = "UNREADABLE") -> None:
        """Keep the sentence, the value as it came, and the kind of trouble."""
        super().__init__(sentence)
        self.code, self.value = code, str(value)[:200]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What every fact of one message shares."""

    ref: str
    at: datetime
    version: int | None
    delivery: str
    event: str
    parcel: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a message and where it stands: below `prefix`, for paths that go into its list."""

    node: Json
    prefix: tuple[str, ...]
    ref: LineRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an explanation: where something stands in a sample, what it says, and what becomes of it."""

    where: str
    says: str
    becomes: str


class ZigZagWire:
    """Reads deliveries by one tenant's payload profile; a `Platform`."""

    def __init__(self, payload: Payload) -> None:
        """Prepare the paths; a path that is none is a `ValueError`."""
        self.payload = self._payload = payload
        self._paths = compiled(payload)
        self._amounts = {code: tuple(map(Path.of, aliases(paths))) for code, paths in payload.charges.items()}
        self._zone = ZoneInfo(payload.zone)
        self._messages = Path.of(payload.messages) if payload.messages else None

    def facts(self, delivery: Delivery) -> Sequence[Fact]:
        """Say what a delivery tells us, in the order of its messages; raise `Unusable` if it cannot be read."""
        told = read_json(delivery.body)
        if isinstance(told, dict) and UNUSABLE in told:
            raise Unusable(str(told[UNUSABLE]))
        messages = self._split(normalise(told))
        found: list[Fact] = []
        for number, message in enumerate(messages, start=1):
            where = f"message {number} of {len(messages)}: " if len(messages) > 1 else ""
            if not isinstance(message, dict):
                reason = f"{where}no object, so it names no return"
                raise Unusable(reason)
            fallback = delivery.identity if len(messages) == 1 else f"{delivery.identity}:{number}"
            try:
                found.extend(self._message(message, delivery, fallback))
            except Unusable as error:
                reason = f"{where}{error}"
                raise Unusable(reason) from error
        return found

    def explain(self, body: bytes) -> Sequence[Line]:
        """Tell line by line what becomes of a sample: every field, every fact, every value nobody explained."""
        sample = Delivery(tenant="sample", source="sample", identity="sample", body=body, received_at=datetime.now(UTC))
        try:
            facts = self.facts(sample)
            told = read_json(body)
            tests = [message for message in self._split(normalise(told)) if self._is_test(message)]
        except Unusable as error:
            return (Line(where="the whole message", says="", becomes=f"unusable: {error}"),)
        root = self._messages.flat if self._messages else ()
        fields = {keys: name for name, paths in self._paths.items() for path in paths for keys in (path.flat, root + path.flat)}
        empty = {keys[:length] for keys in fields for length in range(1, len(keys))}
        lines = [
            Line(where=where, says=_text(value), becomes=fields.get(keys, "nothing: nobody reads it").replace("_", " "))
            for where, keys, value in leaves(told) if keys in fields or keys not in empty
        ]
        lines += [Line(where=_text(self._at("return_ref", message)), says="marked as a test", becomes="nothing: a test gives no facts")
                  for message in tests]
        lines += [Line(where=fact.return_ref, says=fact.value if isinstance(fact, Unreadable) else "", becomes=tell(fact))
                  for fact in facts]
        return tuple(lines)

    def _split(self, told: Json) -> list[Json]:
        """Give the messages of a body: one object, a list of them, or what stands at the profile's path."""
        if self._messages is not None:
            told = get(told, self._messages.flat)
        messages: list[Json] = told if isinstance(told, list) else [told]
        if not messages or messages == [None]:
            reason = "it holds no message"
            raise Unusable(reason)
        return messages

    def _is_test(self, message: Json) -> bool:
        return _text(self._at("test", message)).casefold() in {value.casefold() for value in self._payload.test_values}

    def _at(self, name: str, message: Json) -> Json:
        """Give the first of a field's paths that holds something, outside of any list."""
        found = (get(message, path.flat) for path in self._paths[name] if not path.lists)
        return next((value for value in found if value is not None and value != ""), None)

    def _message(self, message: Json, delivery: Delivery, fallback: str) -> Iterator[Fact]:
        """Say what one message tells."""
        ref = self._ref(message)
        if self._is_test(message):
            _log.info("test_message_skipped", extra={"return_ref": ref, "delivery": delivery.sha256})
            return
        event = _text(self._at("event_id", message)) or fallback
        base = Head(ref=ref, at=delivery.received_at, version=None, delivery=delivery.sha256, event=event)
        try:
            head = Head(ref=ref, at=self._moment("occurred_at", message, delivery.received_at),
                        version=self._version(message), delivery=delivery.sha256, event=event,
                        parcel=_text(self._at("parcel", message)), node=self._node(message))
            rule = self._rule(message)
            if self._payload.hubs.get(head.node) is Hub.STATUS:
                rule = _on_its_way(rule)
        except Unclear as unclear:
            yield _unreadable(base, unclear)
            return
        if rule.stage is not None:
            yield Progressed(return_ref=ref, at=head.at, version=head.version, delivery=head.delivery, event=event,
                             stage=rule.stage, parcel=head.parcel)
        if Part.LOST in rule.says:
            yield Lost(return_ref=ref, at=head.at, version=head.version, delivery=head.delivery, event=event, parcel=head.parcel)
        if wanted := frozenset(rule.says) - {Part.REFUNDED, Part.EXCHANGED, Part.LOST}:
            yield from _guarded(self._goods(message, head, wanted, blind=rule.blind), head)
        if Part.REFUNDED in rule.says:
            yield from _guarded(self._refund(message, head), head)
        if Part.EXCHANGED in rule.says:
            yield from _guarded(self._exchange(message, head), head)

    def _ref(self, message: Json) -> str:
        """Give the return's own reference, with the retailer code where ids are unique only within one."""
        ref = _text(self._at("return_ref", message))
        if not ref:
            reason = f"no return reference at {_paths(self._paths['return_ref'])}"
            raise Unusable(reason)
        if not self._payload.ids_per_retailer:
            return ref
        retailer = _text(self._at("retailer", message))
        if not retailer:
            reason = f"return {ref} names no retailer at {_paths(self._paths['retailer'])}, and ids are unique only within one"
            raise Unusable(reason)
        return f"{retailer}:{ref}"

    def _rule(self, message: Json) -> EventRule:
        """Find what happened: by the event's name where messages have one, else by the return's status."""
        payload = self._payload
        if payload.fields.event and payload.events:
            name = _text(self._at("event", message))
            rule = payload.events.get(name)
            if rule is None:
                sentence = f"The profile does not say what the event '{name}' means." if name else "The message names no event."
                raise Unclear(sentence, name)
            return rule if isinstance(rule, EventRule) else EventRule(stage=rule)
        status = _text(self._at("status", message))
        stage = payload.statuses.get(status)
        if stage is None:
            sentence = f"The profile does not say what the status '{status}' means." if status else "The message has no status."
            raise Unclear(sentence, status)
        return EventRule(stage=stage)

    def _node(self, message: Json) -> str:
        """Give the hub a message comes from; nothing when it comes from the return's own destination."""
        node = _text(self._at("node", message))
        if node in {"", _text(self._at("warehouse", message))} or node in self._payload.hubs:
            return node if node in self._payload.hubs else ""
        sentence = f"The profile does not say what a receipt at '{node}' means."
        raise Unclear(sentence, node)

    def _version(self, message: Json) -> int | None:
        told = self._at("sequence", message)
        if told is None:
            return None
        number = exact(told)
        if number is None or number != number.to_integral_value() or abs(number) >= 2**63:
            sentence = f"The sequence '{_text(told)}' is no whole number."
            raise Unclear(sentence, told)
        return int(number)

    def _moment(self, name: str, message: Json, received_at: datetime) -> datetime:
        """Read a time and give it in UTC; one without an offset is in the profile's zone."""
        told = _text(self._at(name, message))
        at = self._parse(told)
        if at is None:
            sentence = f"'{told}' at {_paths(self._paths[name])} is no time the profile can read."
            raise Unclear(sentence, told)
        try:
            at = (at if at.tzinfo else at.replace(tzinfo=self._zone)).astimezone(UTC)
        except (OverflowError, ValueError):
            at = datetime.min.replace(tzinfo=UTC)
        if at.year < OLDEST or at - received_at > timedelta(days=self._payload.future_days):
            sentence = f"The time '{told}' is before {OLDEST} or too far in the future."
            raise Unclear(sentence, told)
        return at

    def _parse(self, told: str) -> datetime | None:
        for form in self._payload.time_formats:
            try:
                return datetime.strptime(told, form)  # noqa: DTZ007  the zone is added by `_moment`
            except ValueError:
                continue
        try:
            return datetime.fromisoformat(told) if "-" in told and len(told) >= len("2010-12-01T09") else None
        except ValueError:
            return None

    def _day(self, told: str, sku: str) -> date | None:
        """Read the day of an original sale, in the profile's zone where a time with an offset is told."""
        if not told:
            return None
        try:
            return date.fromisoformat(told)
        except ValueError:
            at = self._parse(told)
        if at is None:
            sentence = f"{sku}: the day of the order '{told}' is no date the profile can read."
            raise Unclear(sentence, told)
        return (at.astimezone(self._zone) if at.tzinfo else at).date()

    # --- goods ---------------------------------------------------------------------------------------

    def _goods(self, message: Json, head: Head, wanted: frozenset[Part], *, blind: bool) -> Iterator[Fact]:
        """Read the lines: what was announced of them, what was counted, and how they were graded."""
        prefix, nodes = self._list_at("sku", message, (), message)
        if not nodes:
            return
        seen: Counter[tuple[object, ...]] = Counter()
        announced = tuple(self._line(message, prefix, node, seen) for node in nodes)
        lines = [Item(node=node, prefix=prefix, ref=line.ref) for node, line in zip(nodes, announced, strict=True)]
        if Part.ANNOUNCED in wanted:
            yield Announced(
                return_ref=head.ref, at=head.at, version=head.version, delivery=head.delivery, event=head.event,
                customer=_text(self._at("customer", message)) or None, country=_text(self._at("country", message)),
                currency=_text(self._at("currency", message)), warehouse=_text(self._at("warehouse", message)),
                retailer=_text(self._at("retailer", message)), lines=announced, blind=blind)
        counts = tuple(
            Count(line=line.ref, quantity=self._number("received", message, line))
            for line in lines
            if Part.RECEIVED in wanted and self._field("received", message, line.prefix, line.node) is not None)
        if counts:
            yield Received(return_ref=head.ref, at=head.at, version=head.version, delivery=head.delivery,
                           event=head.event, counts=counts, counting=self._payload.quantities, parcel=head.parcel,
                           node=head.node)
        charges = tuple(self._charges(message, lines)) if Part.CHARGED in wanted else ()
        if charges or (Part.CHARGED in wanted and self._no_fees(message)):
            yield Charged(return_ref=head.ref, at=head.at, version=head.version, delivery=head.delivery, event=head.event, charges=charges)
        grades = tuple(grade for line in lines if Part.INSPECTED in wanted for grade in self._grades(message, line))
        if grades:
            yield Inspected(return_ref=head.ref, at=head.at, version=head.version, delivery=head.delivery,
                            event=head.event, grades=grades, counting=self._payload.quantities, parcel=head.parcel,
                           node=head.node)

    def _list_at(self, name: str, node: Json, above: tuple[str, ...], message: Json) -> tuple[tuple[str, ...], list[Json]]:
        """Find the list a field stands in, below `above`; give its full path and what it holds."""
        for path in self._paths[name]:
            own, deeper = _below(path, above)
            if own is None or not deeper:
                continue
            found = get(node if above else message, own)
            if items(found):
                return above + own, items(found)
        return (), []

    def _is_empty_list(self, name: str, line: Item) -> bool:
        """Tell whether the line holds this field's list and the list is empty, which is not the same as no list."""
        for path in self._paths[name]:
            own, deeper = _below(path, line.prefix)
            if own is not None and deeper and get(line.node, own) == []:
                return True
        return False

    def _field(self, name: str, message: Json, prefix: tuple[str, ...], node: Json) -> Json:
        """Give a field of an element of a list; a path outside of the list holds for all of its elements."""
        for path in self._paths[name]:
            if path.lists == 0:
                value = get(message, path.flat)
            else:
                own, deeper = _below(path, prefix)
                value = None if own is None or deeper else get(node, own)
            if value is not None and value != "":
                return value
        return None

    def _number(self, name: str, message: Json, line: Item) -> Decimal:
        told = self._field(name, message, line.prefix, line.node)
        number = exact(told)
        if number is None:
            sentence = f"{line.ref.sku}: '{_text(told)}' at {_paths(self._paths[name])} is no number."
            raise Unclear(sentence, told)
        return number

    def _line(self, message: Json, prefix: tuple[str, ...], node: Json, seen: Counter[tuple[object, ...]]) -> AnnouncedLine:
        def told(name: str) -> str:
            return _text(self._field(name, message, prefix, node))

        sku = told("sku")
        if not sku:
            sentence = f"A line has no SKU at {_paths(self._paths['sku'])}."
            raise Unclear(sentence)
        here = Item(node=node, prefix=prefix, ref=LineRef(sku=sku))
        quantity = self._number("quantity", message, here)
        price = None if not told("unit_price") else self._net(self._number("unit_price", message, here))
        order, line_id = told("order") or None, told("line_id") or None
        alike = (sku, quantity, price, order)
        nth, seen[alike] = seen[alike], seen[alike] + 1
        ref = LineRef(sku=sku, line_id=line_id, quantity=quantity, unit_price=price, order=order, nth=nth)
        reason = _word(self._payload.reasons, told("reason"), f"{sku}: reason", "UNREADABLE")
        return AnnouncedLine(ref=ref, quantity=quantity, unit_price=price, order=order, description=told("description"),
                             reason=reason, option=told("option"), ordered_on=self._day(told("ordered_on"), sku))

    def _net(self, price: Decimal) -> Decimal:
        if self._payload.amounts is Basis.NET or self._payload.tax_rate is None:
            return price
        return (price / (1 + self._payload.tax_rate / 100)).quantize(MICRO)

    def _grades(self, message: Json, line: Item) -> Iterator[Grade]:
        prefix, nodes = self._list_at("grade_quantity", line.node, line.prefix, message)
        if not nodes and self._field("grade_quantity", message, line.prefix, line.node) is not None:
            prefix, nodes = line.prefix, [line.node]
        counted = self._field("received", message, line.prefix, line.node)
        if not nodes and self._is_empty_list("grade_quantity", line) and counted not in (None, 0, "0"):
            # An empty list for units that are there is an answer: none of them is graded, or no longer.
            yield Grade(line=line.ref, quantity=Decimal(0), accepted=False, condition="", disposition="")
        for node in nodes:
            here = Item(node=node, prefix=prefix, ref=line.ref)

            def told(name: str, node: Json = node) -> str:
                value = self._field(name, message, prefix, node)
                return _text(self._field(name, message, line.prefix, line.node) if value is None else value)

            outcome, sku = told("outcome"), line.ref.sku
            accepted = self._payload.outcomes.get(outcome)
            if accepted is None:
                sentence = f"{sku}: the profile does not say whether the outcome '{outcome}' means accepted."
                raise Unclear(sentence, outcome)
            found = told("found_sku")
            yield Grade(
                line=line.ref, quantity=self._number("grade_quantity", message, here), accepted=accepted,
                found="" if found == sku else found,
                instead=next((self._payload.wrong_items[word] for word in (told("disposition"), told("condition"))
                              if word in self._payload.wrong_items), None),
                condition=self._said(self._payload.conditions, told("condition"), f"{sku}: condition", "UNREADABLE"),
                disposition=self._said(self._payload.dispositions, told("disposition"), f"{sku}: disposition",
                                       "UNMAPPED_DISPOSITION"))

    def _said(self, words: Words, told: str, what: str, code: str) -> str:
        """Translate a word about goods; one that says that something else was found is kept as it is."""
        return told if told in self._payload.wrong_items else _word(words, told, what, code)

    # --- money beside the goods ------------------------------------------------------------------------

    def _charges(self, message: Json, lines: Sequence[Item]) -> Iterator[Charge]:
        """Read what is charged or given besides the goods: lists of fees on return and lines, and amounts with a place of their own."""
        for path in self._paths["fee_code"]:
            if path.lists <= 1:
                nodes = items(get(message, path.parts[0])) if path.lists else [message]
                yield from self._fees(message, path.parts[0] if path.lists else (), nodes, None)
            else:
                for line in lines:
                    own, _ = _below(path, line.prefix)
                    nodes = items(get(line.node, own)) if own else []
                    yield from self._fees(message, line.prefix + (own or ()), nodes, line.ref)
        for code, paths in self._amounts.items():
            for path in paths:
                for node, ref in [(line.node, line.ref) for line in lines] if path.lists else [(message, None)]:
                    told = get(node, path.parts[-1])
                    if told not in (None, ""):
                        yield Charge(code=code, line=ref, amount=self._amount(code, told))

    def _no_fees(self, message: Json) -> bool:
        """Tell whether the message says that the return has no fees, by an empty list of them, which is not the same as no list."""
        return any(get(message, path.parts[0]) == [] for path in self._paths["fee_code"] if path.lists == 1)

    def _fees(self, message: Json, prefix: tuple[str, ...], nodes: Sequence[Json], ref: LineRef | None) -> Iterator[Charge]:
        for node in nodes:
            code = _text(self._field("fee_code", message, prefix, node))
            if code:
                prepaid = _text(self._field("fee_prepaid", message, prefix, node)).casefold() in {"true", "1", "yes"}
                amount = self._amount(code, self._field("fee_amount", message, prefix, node))
                yield Charge(code=code, line=ref, prepaid=prepaid, amount=amount)

    @staticmethod
    def _amount(code: str, told: Json) -> Decimal:
        amount = exact(told)
        if amount is None:
            sentence = f"'{_text(told)}', charged as '{code}', is no amount."
            raise Unclear(sentence, told)
        return amount

    def _exchange(self, message: Json, head: Head) -> Iterator[Fact]:
        reference = _text(self._at("exchange_reference", message))
        if not reference:
            return
        told, difference = self._at("exchange_difference", message), None
        if told is not None:
            difference = Money(amount=self._amount("exchange", told), currency=_text(self._at("currency", message)))
        yield Exchanged(return_ref=head.ref, at=head.at, version=head.version, delivery=head.delivery, event=head.event,
                        reference=reference, difference=difference)

    # --- money ---------------------------------------------------------------------------------------

    def _refund(self, message: Json, head: Head) -> Iterator[Fact]:
        told = self._at("refund_amount", message)
        if told is None:
            return
        amount = exact(told)
        if amount is None:
            sentence = f"The refund '{_text(told)}' is no amount."
            raise Unclear(sentence, told)
        currency = _text(self._at("refund_currency", message)) or _text(self._at("currency", message))
        at = head.at
        if self._at("refund_at", message) is not None:
            at = self._moment("refund_at", message, head.at + timedelta(days=self._payload.future_days))
        yield Refunded(
            return_ref=head.ref, at=at, version=head.version, delivery=head.delivery, event=head.event,
            reference=_text(self._at("refund_reference", message)) or head.ref, money=Money(amount=amount, currency=currency))


@dataclass(frozen=True, slots=True, kw_only=True)
class BySource:
    """Reads what has a way of its own to be read: a look-up, what was typed; everything else as the messages are read. A `Platform`.

    What comes from a source that only ever tests is a test, whatever it says of itself: it gives no facts.
    """

    usual: ZigZagWire
    asked: Mapping[str, Platform]
    tests: frozenset[str] = frozenset()

    def facts(self, delivery: Delivery) -> Sequence[Fact]:
        """Say what a delivery tells us; raise `Unusable` if it cannot be read."""
        if delivery.source in self.tests:
            _log.info("test_source_skipped", extra={"source": delivery.source, "delivery": delivery.sha256})
            return ()
        return self.asked.get(delivery.source, self.usual).facts(delivery)


def _on_its_way(rule: EventRule) -> EventRule:
    """Take what a hub tells as a status: the goods arrived somewhere, and nothing was counted or graded that is stock."""
    reached = rule.stage is not None and RANK[rule.stage] > RANK[Stage.ARRIVED] and rule.stage is not Stage.CANCELLED
    says = tuple(part for part in rule.says if part not in {Part.RECEIVED, Part.INSPECTED})
    return EventRule(stage=Stage.ARRIVED if reached else rule.stage, says=says, blind=rule.blind)


def _below(path: Path, prefix: tuple[str, ...]) -> tuple[tuple[str, ...] | None, bool]:
    """Give the keys of a path below a list's path up to its next list, and whether there is a next list."""
    walked: tuple[str, ...] = ()
    for at, part in enumerate(path.parts):
        if walked == prefix:
            return part, at < path.lists
        walked += part
    return None, False


def _word(words: Words, told: str, what: str, code: str) -> str:
    """Translate one of the platform's words; nothing said stays nothing said."""
    if not told:
        return ""
    ours = words.map.get(told, told if words.keep else None)
    if ours is None:
        sentence = f"{what} '{told}' is not in the profile."
        raise Unclear(sentence, told, code)
    return ours


def _text(value: Json) -> str:
    if value is None or isinstance(value, (dict, list)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.strip() if isinstance(value, str) else format(value, "f") if isinstance(value, Decimal) else str(value)


def _paths(paths: Sequence[Path]) -> str:
    return " or ".join(path.text for path in paths) or "any path"


def _unreadable(head: Head, unclear: Unclear) -> Unreadable:
    return Unreadable(return_ref=head.ref, at=head.at, version=head.version, delivery=head.delivery, event=head.event,
                      code=unclear.code, sentence=str(unclear), value=unclear.value)


def _guarded(facts: Iterator[Fact], head: Head) -> Iterator[Fact]:
    """Give facts up to the first value that is unclear, then that it is; what would follow is left unsaid."""
    try:
        yield from facts
    except Unclear as unclear:
        yield _unreadable(head, unclear)
