# Keys of the simulated repository. Made for each test, never written anywhere.
# SPDX-License-Identifier: MIT
import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from .canonical import canonical

_PEM = serialization.Encoding.PEM
_SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


class Signer:
    """A private key and the key object that metadata lists for it."""

    def __init__(self, private, public, keyid=None, salt=32):
        self.private = private
        self.public = public
        self.salt = salt
        self._keyid = keyid

    @property
    def keyid(self) -> str:
        return self._keyid or hashlib.sha256(canonical(self.public)).hexdigest()

    def variant(self, keyid=None, text=None, **members) -> "Signer":
        """The same key, described otherwise: other members, another spelling, another id."""
        public = {**self.public, **members}
        if text is not None:
            public["keyval"] = {"public": text}
        return Signer(self.private, public, keyid, self.salt)

    def text(self) -> str:
        return self.public["keyval"]["public"]

    def sign(self, data: bytes) -> str:
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.private.sign(data, ec.ECDSA(hashes.SHA256())).hex()
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(data).hex()
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), self.salt)
        return self.private.sign(data, pss, hashes.SHA256()).hex()


def _pem(private) -> str:
    return private.public_key().public_bytes(_PEM, _SPKI).decode()


def ecdsa() -> Signer:
    private = ec.generate_private_key(ec.SECP256R1())
    return Signer(private, {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256",
                            "keyval": {"public": _pem(private)}})


def eddsa() -> Signer:
    private = ed25519.Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(serialization.Encoding.Raw,
                                            serialization.PublicFormat.Raw)
    return Signer(private, {"keytype": "ed25519", "scheme": "ed25519",
                            "keyval": {"public": raw.hex()}})


def rsa_pss(bits=3072, salt=32) -> Signer:
    private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return Signer(private, {"keytype": "rsa", "scheme": "rsassa-pss-sha256",
                            "keyval": {"public": _pem(private)}}, salt=salt)


def verify(public: dict, signature: str, data: bytes) -> bool:
    """Is it a signature by the key object? Anything odd is simply no."""
    try:
        if not re.fullmatch(r"([0-9a-fA-F]{2})*", signature):
            return False
        sig = bytes.fromhex(signature)
        text = public["keyval"]["public"]
        if public["keytype"] == "ed25519":
            key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
            key.verify(sig, data)
            return True
        key = serialization.load_pem_public_key(text.encode())
        if public["keytype"] == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(sig, data, ec.ECDSA(hashes.SHA256()))
            return True
        if public["keytype"] == "rsa" and isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), _salt_of(key, sig))
            key.verify(sig, data, pss, hashes.SHA256())
            return True
    except (InvalidSignature, ValueError, KeyError, TypeError, AttributeError):
        pass
    return False


def _salt_of(key, sig: bytes) -> int:
    """The salt length that a PSS signature uses: cryptography 38 cannot find it by itself."""
    numbers = key.public_numbers()
    size = key.key_size // 8
    encoded = pow(int.from_bytes(sig, "big"), numbers.e, numbers.n).to_bytes(size, "big")
    digest = encoded[-33:-1]
    masked, mask = encoded[:-33], b""
    counter = 0
    while len(mask) < len(masked):
        mask += hashlib.sha256(digest + counter.to_bytes(4, "big")).digest()
        counter += 1
    block = bytes(a ^ b for a, b in zip(masked, mask))
    return len(bytes([block[0] & 0x7F]).lstrip(b"\0") + block[1:].lstrip(b"\0")) - 1


def material(public: dict):
    """What makes two key objects the same key, however they are spelled."""
    try:
        text = public["keyval"]["public"]
        if public["keytype"] == "ed25519":
            return "ed25519", bytes.fromhex(text)
        key = serialization.load_pem_public_key(text.encode())
        return public["keytype"], key.public_numbers()
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
