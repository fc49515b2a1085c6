"""Do the emulator, the extension's source and what both promise agree?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from backhaul.adapters.business_central.emulator import bridge, pages, returns
from backhaul.adapters.business_central.emulator.surface import surface

SOURCE = Path(__file__).resolve().parents[4] / "extensions" / "business-central" / "src"


def told_by_source() -> dict[str, dict[str, Any]]:
    """Read sets, fields, read-only flags and actions out of the AL source."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted((SOURCE / "api").glob("*.al")):
        text = file.read_text(encoding="utf-8")
        head = text.partition("layout")[0] if "layout" in text else text
        name = re.search(r"EntitySetName = '(\w+)'", head)
        assert name is not None, file
        fields = re.findall(r'(?:field|column)\((\w+); (?:"[^"]*"|[^")])+\) \{ ?(Editable = false)?', text)
        parts = re.findall(r"part\((\w+);", text)
        actions = re.findall(r"\[ServiceEnabled\]\s+procedure (\w+)", text)
        found[name[1]] = {"fields": {field for field, _ in fields}, "frozen": {field for field, mark in fields if mark},
                          "parts": set(parts), "actions": set(actions), "writes": "DelayedInsert = true" in text}
    return found


def test_the_extension_serves_the_sets_fields_and_actions_the_emulator_serves() -> None:
    told = told_by_source()

    sets = surface("returns").sets

    assert set(told) == set(sets)
    for name, each in sets.items():
        assert told[name]["fields"] == set(each.props), name
        assert told[name]["actions"] == each.actions, name
        assert told[name]["parts"] == set(each.nav), name
        assert told[name]["writes"] == ("I" in each.ops), name
        if told[name]["writes"]:
            assert told[name]["frozen"] == {field for field, prop in each.props.items() if prop.read_only}, name


def test_every_object_of_the_extension_has_a_number_of_its_own_within_its_range_and_a_short_name() -> None:
    objects = [match for file in sorted(SOURCE.rglob("*.al")) for match in re.findall(
        r'^(table|page|query|enum|codeunit|permissionset) (\d+) "([^"]+)"', file.read_text(encoding="utf-8"), re.MULTILINE)]

    numbers = [(kind, number) for kind, number, _ in objects]

    assert len(numbers) == len(set(numbers))
    assert all(50100 <= int(number) <= 50199 and len(name) <= 30 for _, number, name in objects)


def test_every_set_of_the_contract_has_a_page_behind_it_and_every_action_one_that_does_it() -> None:
    served = {"api": pages.PAGES, "services": bridge.PAGES, "returns": returns.PAGES}

    missing = {name: sorted(set(surface(name).sets) - set(told)) for name, told in served.items()}
    idle = [(each.name, action) for name, told in served.items() for each in surface(name).sets.values()
            for action in each.actions if action not in told[each.name].actions]

    assert missing == {"api": [], "services": [], "returns": []}
    assert idle == [("salesOrders", "shipAndInvoice")], "the emulator keeps no open orders"


def test_a_general_journal_is_posted_when_it_balances(env: Any) -> None:
    env.control("seed", {"rows": {"accounts": [{"number": "8000"}, {"number": "8001"}], "journals": [{"code": "ZZ"}]}})
    journal = env.rows("journals")[0]["id"]
    line = {"accountNumber": "8000", "amount": 5, "documentNumber": "J1"}
    env.send("POST", f"journals({journal})/journalLines", line)
    alone = env.send("POST", f"journals({journal})/Microsoft.NAV.post")
    env.send("POST", f"journals({journal})/journalLines", line | {"accountNumber": "8001", "amount": -5})

    balanced = env.send("POST", f"journals({journal})/Microsoft.NAV.post")

    assert (alone.status_code, balanced.status_code) == (400, 204)
    assert env.ledgers()["trialBalance"] == {"8000": 5, "8001": -5}
    assert env.rows("journalLines") == []


def test_every_set_of_api_v20_answers(env: Any) -> None:
    names = [name for name, each in surface("api").at(29).sets.items() if not name.endswith("Lines") or each.since]
    env.control("seed", {"settings": {"version": "29.0.0.0"}})
    env.sell()

    answers = {name: env.send("GET", name).status_code for name in names if name not in {"companies", "subscriptions"}}

    assert set(answers.values()) == {200}
