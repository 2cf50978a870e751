"""The key that signs the register, and what others know it by."""

import base64
import binascii
import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings

PEM = "-----BEGIN"
HOW = "openssl genpkey -algorithm ed25519 -out register.pem makes one."


class KeyProblem(Exception):
    """There is no key to sign with; the message says why and never what the setting holds."""


def signing_key() -> Ed25519PrivateKey:
    """The private key of REGISTER_SIGNING_KEY, PEM or a file with it. Raises KeyProblem."""
    given = settings.REGISTER_SIGNING_KEY.strip()
    if not given:
        raise KeyProblem(f"REGISTER_SIGNING_KEY is not set. {HOW}")
    try:
        pem = given.encode() if given.startswith(PEM) else Path(given).read_bytes()
        key = load_pem_private_key(pem, password=None)
    except OSError as problem:
        raise KeyProblem(f"The file of REGISTER_SIGNING_KEY cannot be read: {problem.strerror}.") from None
    except (ValueError, TypeError):
        raise KeyProblem(f"REGISTER_SIGNING_KEY holds no private key without a password. {HOW}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyProblem(f"REGISTER_SIGNING_KEY holds a key of another kind than Ed25519. {HOW}")
    return key


def sign(key: Ed25519PrivateKey, message: bytes) -> str:
    """The signature in base64."""
    return base64.b64encode(key.sign(message)).decode()


def public_text(key: Ed25519PrivateKey) -> str:
    """The public half: its 32 bytes in base64."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def key_id(public: str) -> str:
    """What people compare: the first 16 hex digits of the SHA-256 of a public key as it is written down."""
    return hashlib.sha256(public.encode()).hexdigest()[:16]


def fits(public: str, signature: str, message: bytes) -> bool:
    """Whether the owner of this public key signed these bytes."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True
