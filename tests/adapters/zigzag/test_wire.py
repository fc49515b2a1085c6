"""What a message says becomes facts by the profile alone; what is unclear is shown, never guessed."""

import dataclasses
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from backhaul.adapters.zigzag.emulator.credit_lines import read_folder
from backhaul.adapters.zigzag.emulator.rule import plan_return
from backhaul.adapters.zigzag.emulator.story import tell as story, whole
from backhaul.adapters.zigzag.payload import Fields, Payload, flaws
from backhaul.adapters.zigzag.telling import tell
from backhaul.adapters.zigzag.wire import ZigZagWire
from backhaul.application.ports import Unusable
from backhaul.config import load_profile
from backhaul.domain.delivery import Delivery
from backhaul.domain.facts import (
    Announced,
    Charged,
    Counting,
    Exchanged,
    Fact,
    Inspected,
    Progressed,
    Received,
    Refunded,
    Stage,
    Unreadable,
)
from backhaul.domain.returns import fold

EXAMPLES = Path(__file__).parents[3] / "examples"
TYPED = load_profile(EXAMPLES / "profiles" / "online-retail.toml", {}, offline=True).wire
WHOLE = load_profile(EXAMPLES / "profiles" / "whole-return.toml", {}, offline=True).wire
NOW = datetime(2011, 6, 1, tzinfo=UTC)


def read(body: bytes | dict[str, Any] | list[Any], payload: Payload = TYPED) -> Sequence[Fact]:
    """Read one body as a delivery."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ZigZagWire(payload).facts(Delivery(tenant="t", source="s", identity="d-1", body=raw, received_at=NOW))


def sample() -> dict[str, Any]:
    """Give the typed example: an inspected return with a refund."""
    told: dict[str, Any] = json.loads((EXAMPLES / "payloads" / "typed.json").read_text(encoding="utf-8"))
    return told


def of(facts: Sequence[Fact], kind: type[Fact]) -> list[Any]:
    """Give the facts of a kind."""
    return [fact for fact in facts if isinstance(fact, kind)]


def test_an_event_says_stage_lines_counts_grades_and_refund() -> None:
    facts = read(sample())

    assert [fact.kind for fact in facts] == ["Progressed", "Announced", "Received", "Inspected", "Refunded"]
    (announced,), (inspected,) = of(facts, Announced), of(facts, Inspected)
    assert announced.lines[0].unit_price == Decimal(sample()["return"]["lines"][0]["unitPrice"])
    assert inspected.grades[0].line is announced.lines[0].ref
    assert {fact.event for fact in facts} == {sample()["eventId"]}
    assert {fact.version for fact in facts} == {sample()["sequence"]}
    assert of(facts, Progressed)[0].stage is Stage.INSPECTED


def test_both_shapes_of_five_hundred_returns_fold_to_the_same_cases() -> None:
    for note in read_folder(EXAMPLES / "online-retail")[:500]:
        events = list(story(note, plan_return(note), "QX501"))
        typed = [fact for event in events for fact in read(event.body)]
        other = [fact for event in events for fact in read(whole(event.body), WHOLE)]

        one, two = fold(note.number, typed), fold(note.number, other)

        assert dataclasses.replace(one, refunds=(), reached={}) == dataclasses.replace(two, refunds=(), reached={})
        assert set(one.reached) == set(two.reached)
        assert not of(typed, Unreadable)
        assert sorted(line.sku for line in one.lines) == sorted(line.sku for line in note.lines)


@pytest.mark.parametrize("spell", [str.upper, str.title, lambda key: f"{key[:2]}_{key[2:]}", lambda key: f" {key[:3]}-{key[3:]}"],
                         ids=["upper", "title", "underscores", "hyphens"])
def test_keys_match_without_case_spaces_underscores_and_hyphens(spell: Any) -> None:
    def respelled(value: Any) -> Any:
        if isinstance(value, dict):
            return {spell(key): respelled(item) for key, item in value.items()}
        return [respelled(item) for item in value] if isinstance(value, list) else value

    assert [fact.identity for fact in read(respelled(sample()))] == [fact.identity for fact in read(sample())]


def test_a_number_as_text_and_a_single_line_without_its_list_are_understood() -> None:
    told = sample()
    told["return"]["lines"] = told["return"]["lines"][0] | {"quantity": str(told["return"]["lines"][0]["quantity"])}
    told["sequence"] = "5"

    (announced,) = of(read(told), Announced)

    assert announced.version == 5
    assert len(announced.lines) == 1


def test_a_body_may_hold_a_list_of_messages() -> None:
    other = sample() | {"eventId": "e-2"}
    other["return"] = other["return"] | {"returnId": "C2"}

    assert {fact.return_ref for fact in read([sample(), other])} == {sample()["return"]["returnId"], "C2"}


def test_prices_are_exact_and_gross_ones_lose_their_tax() -> None:
    told = sample()
    told["return"]["lines"][0]["unitPrice"] = "PRICE"
    body = json.dumps(told).encode().replace(b'"PRICE"', b"0.100000000000000005551115123")
    (announced,) = of(read(body), Announced)
    assert announced.lines[0].unit_price == Decimal("0.100000000000000005551115123")
    gross = msgspec.convert({**msgspec.to_builtins(TYPED), "amounts": "gross", "tax_rate": "20"}, Payload)
    told["return"]["lines"][0]["unitPrice"] = "1.98"

    (net,) = of(read(told, gross), Announced)

    assert net.lines[0].unit_price == Decimal("1.65")


def test_equal_lines_of_one_message_are_told_apart_by_their_ordinal() -> None:
    told = sample()
    told["return"]["lines"] = [told["return"]["lines"][0]] * 2

    facts = read(told)

    assert [line.ref.nth for line in of(facts, Announced)[0].lines] == [0, 1]
    assert [count.line.nth for count in of(facts, Received)[0].counts] == [0, 1]


@pytest.mark.parametrize(("change", "sentence", "kinds"), [
    (lambda told: told.update(eventType="ReturnTeleported"), "does not say what the event 'ReturnTeleported' means", []),
    (lambda told: told["return"]["lines"][0]["grades"][0].update(outcome="MAYBE"), "whether the outcome 'MAYBE' means accepted",
     ["Progressed", "Announced", "Received", "Refunded"]),
    (lambda told: told["return"]["lines"][0].update(quantity="a few"), "'a few'", ["Progressed", "Refunded"]),
    (lambda told: told["return"]["lines"][0].update(sku=""), "no SKU", ["Progressed", "Refunded"]),
    (lambda told: told.update(occurredAt="yesterday"), "no time the profile can read", []),
    (lambda told: told.update(occurredAt="1970-01-01T00:00:00Z"), "too far in the future", []),
    (lambda told: told.update(occurredAt="2031-01-01T00:00:00Z"), "too far in the future", []),
    (lambda told: told.update(sequence="first"), "no whole number", []),
    (lambda told: told["return"]["refund"].update(amount="lots"), "no amount", ["Progressed", "Announced", "Received", "Inspected"]),
])
def test_what_is_unclear_about_a_known_return_is_shown_and_never_guessed(change: Any, sentence: str, kinds: list[str]) -> None:
    told = sample()
    change(told)

    facts = read(told)

    (unclear,) = of(facts, Unreadable)
    assert sentence in unclear.sentence
    assert [fact.kind for fact in facts if fact is not unclear] == kinds


def test_a_disposition_that_is_not_in_a_closed_list_has_its_own_kind_of_finding() -> None:
    closed = msgspec.convert({**msgspec.to_builtins(TYPED), "dispositions": {"map": {"RESELL": "A1"}}}, Payload)
    told = sample()
    told["return"]["lines"][0]["grades"][0]["disposition"] = "DONATE"

    (unclear,) = of(read(told, closed), Unreadable)

    assert (unclear.code, unclear.value) == ("UNMAPPED_DISPOSITION", "DONATE")


MISREADABLE = {
    "nothing": (b"", "no valid JSON"),
    "cut": (b'{"a":', "no valid JSON"),
    "null": (b"null", "no message"),
    "no messages": (b"[]", "no message"),
    "no object": (b"[1]", "no object"),
    "no return": (b'{"eventId": "e"}', "no return reference"),
    "same key twice": (b'{"return": {"returnId": "C1"}, "return": {"returnId": "C2"}}', "same key twice"),
    "same field twice": (b'{"return": {"returnId": "C1", "return_id": "C2"}}', "are one field and disagree"),
    "NaN": (b'{"return": {"returnId": NaN}}', "no valid JSON"),
    "infinity": (b'{"a": Infinity}', "no valid JSON"),
    "1e309": (b'{"a": 1e309}', "beyond reason"),
    "tiny": (b'{"a": 1e-999999999}', "beyond reason|no valid JSON"),
    "long integer": (b"1" * 5000, "no valid JSON"),
    "integer": (b'{"a": ' + b"1" * 40 + b"}", "beyond reason"),
    "33 levels": (b"[" * 33 + b"]" * 33, "deeper than 32"),
    "100,000 levels": (b"[" * 100_000 + b"]" * 100_000, "no valid JSON|deeper"),
    "invalid UTF-8": (b'{"return": {"returnId": "C\xff"}}', "not UTF-8"),
    "lone surrogate at the end": (b'{"a": "\\ud800"}', "no valid JSON"),
    "lone surrogate": (b'{"a": "\\ud800x"}', "no valid JSON"),
    "BOM": (b'\xef\xbb\xbf{"a": 1}', "byte order mark"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "UTF-16"),
    "NUL": (b'{"a": "\\u0000"}', "NUL"),
    "two documents": (b'{"a": 1} {"b": 2}', "no valid JSON"),
    "words": (b"hello", "no valid JSON"),
    "a million quotes": (b'"' + b'\\"' * 1_000_000, "no valid JSON"),
}


@pytest.mark.parametrize("name", MISREADABLE)
def test_what_can_be_misread_is_unusable_with_a_reason(name: str) -> None:
    body, reason = MISREADABLE[name]
    with pytest.raises(Unusable, match=reason):
        read(body)


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["return", "returnId", "lines", "sku", "quantity", "grades", "occurredAt", "eventType"]) | st.text(max_size=5),
        inner, max_size=5), max_leaves=12).map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_read_or_unusable_and_never_an_unhandled_error(body: bytes) -> None:
    with suppress(Unusable):
        assert all(isinstance(fact, Fact) for fact in read(body))
    assert ZigZagWire(TYPED).explain(body)


@pytest.mark.parametrize("path", ["return.lines", "return.refund", "return", "eventType", "occurredAt", "return.returnId"])
def test_a_field_of_the_wrong_kind_breaks_nothing(path: str) -> None:
    *above, last = path.split(".")
    for value in (None, 7, "x", [], {}, [[]], [{}], True, {"a": {"b": 1}}, "9" * 400):
        told = sample()
        node: Any = told
        for key in above:
            node = node[key]
        node[last] = value

        with suppress(Unusable):
            read(told)


def test_a_test_message_gives_no_facts_but_a_note() -> None:
    told = sample()
    told["return"]["test"] = True

    assert read(told) == []
    lines = ZigZagWire(TYPED).explain(json.dumps(told).encode())
    assert any("marked as a test" in line.says for line in lines)


def test_a_time_without_offset_is_in_the_profiles_zone() -> None:
    told = sample() | {"occurredAt": "2011-05-01T12:00:00"}

    assert {fact.at for fact in of(read(told), Progressed)} == {datetime(2011, 5, 1, 11, 0, tzinfo=UTC)}


def test_a_payout_moves_no_goods() -> None:
    facts = read(sample() | {"eventType": "RefundIssued"})

    assert [fact.kind for fact in facts] == ["Announced", "Refunded"]
    assert of(facts, Refunded)[0].reference.startswith("PAY-")


def test_increments_keep_their_event_apart() -> None:
    counting = msgspec.convert({**msgspec.to_builtins(TYPED), "quantities": "increment"}, Payload)
    first, second = read(sample(), counting), read(sample() | {"eventId": "e-2"}, counting)

    assert of(first, Received)[0].counting is Counting.INCREMENT
    assert of(first, Received)[0].identity != of(second, Received)[0].identity
    assert of(first, Announced)[0].identity == of(second, Announced)[0].identity


def test_an_explanation_names_what_is_ignored_and_what_nobody_explained() -> None:
    told = sample() | {"eventType": "Nope", "colour": "red"}

    lines = ZigZagWire(TYPED).explain(json.dumps(told).encode())

    assert any(line.where == "colour" and "nobody reads it" in line.becomes for line in lines)
    assert any(line.says == "Nope" and "does not say what the event" in line.becomes for line in lines)
    assert any(line.where == "return.lines[0].sku" and line.becomes == "sku" for line in lines)


# --- charges and exchanges ----------------------------------------------------------------------------


def test_fees_are_read_from_lists_and_from_places_of_their_own() -> None:
    payload = Payload(
        fields=Fields(return_ref="id", occurred_at="at", status="status", sku="lines[].sku", quantity="lines[].qty", line_id="lines[].id",
                      fee_code=("fees[].code", "lines[].fees[].code"), fee_amount=("fees[].amount", "lines[].fees[].amount"),
                      fee_prepaid=("fees[].paid", "lines[].fees[].paid"), exchange_reference="swap.order", exchange_difference="swap.more",
                      currency="cur"),
        statuses={"done": Stage.COMPLETED}, charges={"POINTS": "points", "RESTOCK": "lines[].restock"})
    body = {"id": "R", "at": "2011-01-05T10:00:00Z", "status": "done", "cur": "GBP", "points": "4.00",
            "swap": {"order": "X-1", "more": "-2.50"}, "fees": [{"code": "FEE", "amount": 2, "paid": True}, {"amount": 1}],
            "lines": [{"id": "1", "sku": "A", "qty": 1, "restock": "1.10", "fees": [{"code": "LABEL", "amount": "0.90"}]},
                      {"id": "2", "sku": "B", "qty": 1}]}

    told = read(body, payload)
    none = read({**body, "fees": [], "points": None, "lines": [{"id": "1", "sku": "A", "qty": 1}]}, payload)
    odd = read({**body, "points": "a few"}, payload)

    (charged,) = [fact for fact in told if isinstance(fact, Charged)]
    assert [(charge.code, str(charge.amount), charge.prepaid, charge.line.sku if charge.line else "") for charge in charged.charges] == [
        ("FEE", "2", True, ""), ("LABEL", "0.90", False, "A"), ("POINTS", "4.00", False, ""), ("RESTOCK", "1.10", False, "A")]
    (exchanged,) = [fact for fact in told if isinstance(fact, Exchanged)]
    assert (exchanged.reference, str(exchanged.difference)) == ("X-1", "-2.50 GBP")
    assert [fact.charges for fact in none if isinstance(fact, Charged)] == [()], "an empty list takes earlier fees back"
    assert any("'a few', charged as 'POINTS', is no amount" in getattr(fact, "sentence", "") for fact in odd)
    lines = {tell(fact).partition("UTC: ")[2] for fact in told if not isinstance(fact, Announced)}
    assert lines == {"charged: FEE 2, prepaid; LABEL 0.90 for A; POINTS 4.00; RESTOCK 1.10 for A", "reached completed",
                     "exchanged by the platform's order X-1, difference -2.50 GBP"}


@pytest.mark.parametrize(("more", "says"), [
    ({"charges": {"X": "a[].b[].c"}}, "goes through 2 lists"), ({"charges": {"X": "[]"}}, "is no path"),
    ({"fields": {"fee_code": "fees[].code"}}, "need both paths")])
def test_paths_of_charges_that_lead_nowhere_are_refused(more: dict[str, Any], says: str) -> None:
    fields = {"return": "id", "occurred_at": "at", "status": "s", "sku": "lines[].sku", "quantity": "lines[].q"} | more.get("fields", {})
    told = more | {"fields": fields, "statuses": {"done": "completed"}}

    assert any(says in sentence for _, sentence in flaws(msgspec.convert(told, Payload)))
