"""Only who knows the secret is heard; nothing of a request is read before that, and no header breaks the check."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from backhaul.adapters.zigzag.emulator.courier import prove
from backhaul.adapters.zigzag.webhook import Headers, Kind, Proof, Source, identity, verify
from backhaul.config import Secret

NOW = datetime.now(UTC).replace(microsecond=0)
STAMP = int(NOW.timestamp())
BODY = b'{"eventId": "e-1", "n": 1}'
STANDARD = "whsec_" + base64.b64encode(b"k" * 24).decode()


def source(kind: Kind, *secrets: str, tolerance: int = 300, username: str = "", header: str = "x-zigzag-signature",
           event_id: tuple[str, ...] = ()) -> Source:
    """Build a source with these secrets, the current one first."""
    kept = tuple(Secret(f"env:S{number}", {f"S{number}": secret}) for number, secret in enumerate(secrets))
    return Source(name="main", tenant="t", event_id=event_id, proof=Proof(
        kind=kind, secrets=kept, tolerance=tolerance, username=username, header=header))


def signed(auth: dict[str, str], body: bytes = BODY, at: int = STAMP) -> Headers:
    """Sign as the emulator does, which shares no code with us."""
    return [(name.lower().encode(), value.encode()) for name, value in prove(auth, "e-1", body, at).items()]


WAYS = {
    "hmac": (source(Kind.HMAC, "new", "old"), {"kind": "hmac", "secret": "new"}, {"kind": "hmac", "secret": "old"}),
    "bearer": (source(Kind.BEARER, "new", "old"), {"kind": "bearer", "token": "new"}, {"kind": "bearer", "token": "old"}),
    "basic": (source(Kind.BASIC, "new", "old", username="zz"), {"kind": "basic", "username": "zz", "password": "new"},
              {"kind": "basic", "username": "zz", "password": "old"}),
    "header": (source(Kind.HEADER, "new", "old", header="x-key"), {"kind": "header", "name": "x-key", "value": "new"},
               {"kind": "header", "name": "x-key", "value": "old"}),
    "standard-webhooks": (source(Kind.STANDARD_WEBHOOKS, STANDARD, "whsec_b2xkb2xkb2xk"),
                          {"kind": "standard-webhooks", "secret": STANDARD},
                          {"kind": "standard-webhooks", "secret": "whsec_b2xkb2xkb2xk"}),
}


@pytest.mark.parametrize("way", WAYS)
def test_two_secrets_are_valid_at_once_and_no_other(way: str) -> None:
    whose, new, old = WAYS[way]

    assert verify(whose, signed(new), BODY, NOW) == ""
    assert verify(whose, signed(old), BODY, NOW) == ""
    wrong = {name: value if name in {"kind", "username", "name"} else "whsec_d3Jvbmc=" for name, value in new.items()}
    assert verify(whose, signed(wrong), BODY, NOW)
    assert verify(whose, [], BODY, NOW)


@pytest.mark.parametrize("way", WAYS)
def test_a_source_whose_secret_is_gone_lets_nobody_in(way: str) -> None:
    whose, new, _ = WAYS[way]
    empty = source(whose.proof.kind, "", username="zz", header=whose.proof.header)

    assert verify(empty, signed(new), BODY, NOW) == "no secret is configured"


def same_bytes(one: bytes, other: bytes) -> bool:
    """Tell whether two spellings stand for the same bytes: hex in capitals, spare bits at the end of base64."""
    if one.lower() == other.lower() and b"," not in other:
        return True
    try:
        return one[:3] == other[:3] == b"v1," and base64.b64decode(one[3:], validate=True) == base64.b64decode(other[3:])
    except ValueError:
        return False


@pytest.mark.parametrize("way", ["hmac", "standard-webhooks"])
def test_a_flipped_bit_anywhere_in_body_signature_or_time_is_refused(way: str) -> None:
    whose, new, _ = WAYS[way]
    headers = signed(new)
    for at in range(len(BODY)):
        assert verify(whose, headers, BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1:], NOW)
    assert verify(whose, headers, BODY + b" ", NOW)
    for number, (name, value) in enumerate(headers):
        for at in range(len(value)):
            flipped = value[:at] + bytes([value[at] ^ 1]) + value[at + 1:]
            if not same_bytes(flipped, value):
                assert verify(whose, [*headers[:number], (name, flipped), *headers[number + 1:]], BODY, NOW)


@pytest.mark.parametrize("way", ["hmac", "standard-webhooks"])
def test_the_tolerance_is_the_sources_own_and_its_edge_is_inside(way: str) -> None:
    whose, new, _ = WAYS[way]
    for shift, accepted in ((-301, False), (-300, True), (0, True), (300, True), (301, False)):
        assert (verify(whose, signed(new, at=STAMP + shift), BODY, NOW) == "") is accepted
    for text in (b"", b"soon", b"-1", b"1e9", b" 1", "\N{ARABIC-INDIC DIGIT ONE}".encode(), b"9" * 400, b"1.5"):
        headers = [(name, text if name.endswith(b"timestamp") else value) for name, value in signed(new)]
        assert verify(whose, headers, BODY, NOW)


def test_a_header_that_came_twice_is_as_bad_as_none() -> None:
    whose, new, _ = WAYS["hmac"]

    assert verify(whose, [*signed(new), (b"x-zigzag-signature", b"sha256=00")], BODY, NOW) == "no signature"


def test_a_signature_may_be_written_in_base64_and_cover_the_body_alone() -> None:
    proof = Proof(kind=Kind.HMAC, secrets=(Secret("env:S", {"S": "k"}),), header="x-sig", prefix="", template="{body}", encoding="base64")
    signature = base64.b64encode(hmac.new(b"k", BODY, hashlib.sha256).digest())

    assert verify(Source(name="m", tenant="t", proof=proof), [(b"x-sig", signature)], BODY, NOW) == ""


HEADER = st.tuples(st.sampled_from([b"x-zigzag-signature", b"x-zigzag-timestamp", b"authorization", b"x-key", b"webhook-id",
                                    b"webhook-timestamp", b"webhook-signature"]), st.binary(max_size=40))


@given(st.lists(HEADER, max_size=6), st.binary(max_size=60))
def test_whatever_comes_is_refused_and_nothing_breaks(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    for whose, _, _ in WAYS.values():
        assert verify(whose, headers, body, NOW)


def library(headers: Headers, body: bytes) -> bool:
    """Ask the Standard Webhooks library."""
    try:
        Webhook(STANDARD).verify(body, {name.decode(): value.decode() for name, value in headers}, json_parse=False)
    except (WebhookVerificationError, ValueError, UnicodeError):
        return False
    return True


def test_we_agree_with_the_standard_webhooks_library() -> None:
    whose, new, old = WAYS["standard-webhooks"]
    good = dict(signed(new))
    cases = [
        good, dict(signed(old)), {}, {**good, b"webhook-id": b"e-2"}, {**good, b"webhook-signature": b"v1,AAAA"},
        {**good, b"webhook-signature": b"v2,AAAA " + good[b"webhook-signature"]},
        {**good, b"webhook-signature": good[b"webhook-signature"].replace(b"v1,", b"v1a,")},
        {**good, b"webhook-signature": good[b"webhook-signature"] + b" v1,AAAA"},
        {**good, b"webhook-timestamp": str(STAMP + 1).encode()}, {**good, b"webhook-timestamp": b"x"},
        dict(signed(new, at=STAMP - 400)), dict(signed(new, at=STAMP + 400)),
    ]
    only_new = source(Kind.STANDARD_WEBHOOKS, STANDARD)
    for headers in cases:
        told = list(headers.items())
        assert (verify(only_new, told, BODY, datetime.now(UTC)) == "") is library(told, BODY)
    assert verify(whose, list(dict(signed(old)).items()), BODY, NOW) == ""


@pytest.mark.parametrize(("body", "expected"), [
    (b'{"eventId": "e-1"}', "e-1"), (b'{"Event_ID": "e-1", "x": {"deep": [1]}}', "e-1"), (b'{"eventId": 12}', "12"),
    (b'{"data": {"id": "e-9"}}', "e-9"), (b'{"eventId": "a.b"}', ""), (b'{"eventId": ""}', ""), (b'{"eventId": null}', ""),
    (b'{"eventId": ["e-1"]}', ""), (b"[1]", ""), (b"", ""), (b"\xff\xfe", ""), (b'{"eventId": "' + b"x" * 129 + b'"}', ""),
    (b"[" * 100_000, ""),
], ids=[f"body {number}" for number in range(13)])
def test_an_identity_is_the_event_id_or_the_hash_of_the_raw_body(body: bytes, expected: str) -> None:
    whose = source(Kind.HMAC, "s", event_id=("eventId", "data.id"))

    assert identity(whose, [], body) == (expected or hashlib.sha256(body).hexdigest())


def test_an_event_id_may_stand_in_a_header() -> None:
    whose = source(Kind.HMAC, "s", event_id=("header:webhook-id",))

    assert identity(whose, [(b"webhook-id", b"e-7")], BODY) == "e-7"
