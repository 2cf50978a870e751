"""What REGISTER_SIGNING_KEY may hold, and that a problem with it never shows it."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exemptions import register_key
from exemptions.register_key import KeyProblem


def pem_of(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


PEM = pem_of(Ed25519PrivateKey.generate())


def test_a_key_may_stand_in_the_setting_or_in_a_file(settings, tmp_path):
    file = tmp_path / "register.pem"
    file.write_text(PEM)
    settings.REGISTER_SIGNING_KEY = PEM
    direct = register_key.public_text(register_key.signing_key())
    settings.REGISTER_SIGNING_KEY = str(file)
    assert register_key.public_text(register_key.signing_key()) == direct


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "not set"),
        ("/nowhere/register.pem", "cannot be read"),
        (f"{register_key.PEM} PRIVATE KEY-----\nsecret-secret", "no private key"),
        (pem_of(generate_private_key(SECP256R1())), "another kind"),
    ],
)
def test_anything_else_is_refused_without_showing_it(settings, value, words):
    settings.REGISTER_SIGNING_KEY = value
    with pytest.raises(KeyProblem, match=words) as told:
        register_key.signing_key()
    assert "secret-secret" not in str(told.value)


def test_a_signature_fits_its_message_and_key_alone():
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public, signature = register_key.public_text(key), register_key.sign(key, b"the register")
    assert register_key.fits(public, signature, b"the register")
    assert not register_key.fits(public, signature, b"the registers")
    assert not register_key.fits(register_key.public_text(other), signature, b"the register")
    assert not register_key.fits("no key", signature, b"the register")
