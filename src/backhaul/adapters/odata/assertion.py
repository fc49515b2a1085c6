"""How does an application prove itself to the token service with a certificate instead of a secret?

By a short word of its own, signed with the certificate's key and naming the certificate by its hash (Microsoft Entra, "certificate
credentials"; OpenID Connect calls it `private_key_jwt`). The key never leaves this process, and there is no secret to be copied.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from backhaul.domain.errors import Misconfigured

KIND: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LASTS: Final = timedelta(minutes=5)
PART: Final = re.compile(r"-----BEGIN ([A-Z ]+)-----(.+?)-----END \1-----", re.DOTALL)


def parts(pem: str) -> tuple[RSAKey, bytes]:
    """Read the private key and the certificate from one PEM file; what is missing or locked is `Misconfigured`, without a word of it."""
    found = {match[1]: match for match in PART.finditer(pem)}
    key = next((match[0] for name, match in found.items() if name.endswith("PRIVATE KEY") and "ENCRYPTED" not in name), "")
    if not key or "CERTIFICATE" not in found:
        message = "a client certificate is one PEM file with its certificate and its RSA key without a passphrase; one of both is not there"
        raise Misconfigured(message)
    try:
        return RSAKey.import_key(key), base64.b64decode(found["CERTIFICATE"][2])
    except (JoseError, ValueError):
        message = "the client certificate cannot be read; it is one PEM file with its certificate and its RSA key without a passphrase"
        raise Misconfigured(message) from None


def assertion(pem: str, client_id: str, token_url: str, *, now: datetime, identity: str) -> str:
    """Say who we are to one token service, for five minutes and under a number of its own."""
    key, certificate = parts(pem)
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(certificate).digest()).decode().rstrip("=")
    begun = int(now.timestamp())
    return jwt.encode({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}, {
        "aud": token_url, "iss": client_id, "sub": client_id, "jti": identity, "nbf": begun, "iat": begun,
        "exp": begun + int(LASTS.total_seconds())}, key, algorithms=["PS256"])


class Credentials(NamedTuple):
    """How an application proves itself; the secret is empty where a certificate does."""

    secret: str
    certificate: str


def credentials(secrets: Mapping[str, str]) -> Credentials:
    """Read how an application proves itself of what a profile names; neither of both is the `KeyError` of a secret that is missing."""
    if certificate := secrets.get("client_certificate", ""):
        parts(certificate)
        return Credentials("", certificate)
    return Credentials(secrets["client_secret"], "")
