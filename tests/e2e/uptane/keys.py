"""keys - signing keys of the tests: generated in memory, never written anywhere.
A key object's id is the SHA-256 of its canonical form, unknown members included.
SPDX-License-Identifier: MIT"""

import base64
import functools
import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from canonical import olpc

SCHEMES = {
    "p256": ("ecdsa", "ecdsa-sha2-nistp256"),
    "ed25519": ("ed25519", "ed25519"),
    "rsa": ("rsa", "rsassa-pss-sha256"),
}
METHODS = {"p256": "ecdsa", "ed25519": "ed25519", "rsa": "rsassa-pss-sha256"}
PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)


@functools.lru_cache(maxsize=None)
def _rsa(index):
    """RSA keys are dear to make: a few for the whole process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Key:
    """One key pair. Copies share it: a private key cannot be copied, and need not be."""

    _rsa_made = 0

    def __init__(self, kind="p256", private=None, extra=None):
        self.kind = kind
        self.extra = dict(extra or {})  # unknown members of the key object
        if private is not None:
            self.private = private
        elif kind == "p256":
            self.private = ec.generate_private_key(ec.SECP256R1())
        elif kind == "ed25519":
            self.private = ed25519.Ed25519PrivateKey.generate()
        elif kind == "rsa":
            Key._rsa_made += 1
            self.private = _rsa(Key._rsa_made % 6)
        else:
            raise ValueError(kind)

    def __deepcopy__(self, memo):
        return self

    def same_material(self, **extra):
        """The same key under another id."""
        return Key(self.kind, self.private, extra or {"x-note": "another id"})

    def public_text(self):
        public = self.private.public_key()
        if self.kind == "ed25519":
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return raw.hex()
        pem = public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return pem.decode()

    def object(self, profile="native"):
        if profile == "aktualizr":
            text = self.public_text()
            kind = "RSA" if self.kind == "rsa" else "ED25519"
            if self.kind == "ed25519":
                text = text.upper()
            return {"keytype": kind, "keyval": {"public": text}, **self.extra}
        keytype, scheme = SCHEMES[self.kind]
        value = {"keytype": keytype, "scheme": scheme, "keyval": {"public": self.public_text()}}
        value.update(self.extra)
        return value

    def id(self, profile="native"):
        if profile == "aktualizr":
            text = self.object(profile)["keyval"]["public"].rstrip("\n").replace("\n", "\\n")
            return hashlib.sha256(('"%s"' % text).encode()).hexdigest()
        return key_id(self.object())

    def sign_bytes(self, message):
        if self.kind == "p256":
            return self.private.sign(message, ec.ECDSA(hashes.SHA256()))
        if self.kind == "rsa":
            return self.private.sign(message, PSS, hashes.SHA256())
        return self.private.sign(message)

    def signature(self, message, profile="native"):
        raw = self.sign_bytes(message)
        if profile == "aktualizr":
            sig = base64.b64encode(raw).decode()
            return {"keyid": self.id(profile), "method": METHODS[self.kind], "sig": sig}
        return {"keyid": self.id(), "sig": raw.hex()}

    def verify(self, message, signature):
        """Raises unless `signature` (raw bytes) is good: for the generator's own test."""
        public = self.private.public_key()
        if self.kind == "p256":
            public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif self.kind == "rsa":
            public.verify(signature, message, PSS, hashes.SHA256())
        else:
            public.verify(signature, message)


def key_id(key_object):
    return hashlib.sha256(olpc(key_object)).hexdigest()


def spki_pem(point):
    """A SubjectPublicKeyInfo of P-256 around any 65 bytes, a point of the curve or not."""
    head = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
    text = base64.b64encode(head + point).decode()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return "-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n" % "\n".join(lines)
