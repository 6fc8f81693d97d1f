"""test_generator - the suite's own instruments are true: canonical forms, ids, signatures, chains.
Needs no program under test.
SPDX-License-Identifier: MIT"""

import base64
import glob
import hashlib
import json
import os
import random
import unittest
import urllib.error
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.hashes import SHA256

import server
import world as worlds
from canonical import ascii_escaped, olpc, pretty, wire
from keys import Key, key_id, spki_pem

SAMPLES = os.path.join(worlds.ROOT, "..", "shared", "contracts", "aktualizr-samples")


def some_value(dice, depth=0):
    kind = dice.randrange(7 if depth < 4 else 5)
    if kind == 0:
        return dice.choice([None, True, False])
    if kind <= 2:
        return dice.randrange(-(2**53) + 1, 2**53)
    if kind <= 4:
        return "".join(chr(dice.randrange(32, 127)) for _ in range(dice.randrange(12)))
    if kind == 5:
        return [some_value(dice, depth + 1) for _ in range(dice.randrange(5))]
    return {some_value_name(dice): some_value(dice, depth + 1) for _ in range(dice.randrange(5))}


def some_value_name(dice):
    return "".join(chr(dice.randrange(32, 127)) for _ in range(dice.randrange(1, 9)))


class Canonical(unittest.TestCase):
    def test_olpc_equals_json_for_printable_ascii(self):
        dice = random.Random(7)
        for _ in range(500):
            value = some_value(dice)
            plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            self.assertEqual(olpc(value), plain.encode())
            self.assertEqual(ascii_escaped(value), plain.encode())

    def test_olpc_leaves_line_feeds_and_utf8_raw(self):
        self.assertEqual(olpc({"b": "\n", "a": 'é"\\'}), '{"a":"é\\"\\\\","b":"\n"}'.encode())
        self.assertEqual(ascii_escaped({"a": "é\n\U0001f697"}), b'{"a":"\\u00e9\\n\\ud83d\\ude97"}')

    def test_floats_have_no_canonical_form(self):
        with self.assertRaises(TypeError):
            olpc({"a": 1.5})

    def test_aktualizr_key_id_known_answer(self):
        public = "B98897582D382EA50CF640BD2E4AD66EE50BF333319CE9076E129A1908C90089"
        told = "d6509880e64a3ac28a517d960068c3d0d1e0e006ad640cdb60193d8739c6ad3d"
        self.assertEqual(hashlib.sha256(('"%s"' % public).encode()).hexdigest(), told)


class Keys(unittest.TestCase):
    def test_each_kind_signs_and_a_changed_message_fails(self):
        for kind in ("p256", "ed25519", "rsa"):
            key = Key(kind)
            signature = key.sign_bytes(b"message")
            key.verify(b"message", signature)
            with self.assertRaises(InvalidSignature):
                key.verify(b"massage", signature)

    def test_id_is_the_hash_of_the_whole_object(self):
        key = Key()
        self.assertEqual(key.id(), hashlib.sha256(olpc(key.object())).hexdigest())
        self.assertNotEqual(key.id(), key.same_material().id())
        other = dict(key.object(), scheme="rsassa-pss-sha256")
        self.assertNotEqual(key.id(), key_id(other))

    def test_handmade_spki(self):
        point = Key().private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        serialization.load_pem_public_key(spki_pem(point).encode())
        crooked = point[:-1] + bytes([point[-1] ^ 1])
        with self.assertRaises(ValueError):
            serialization.load_pem_public_key(spki_pem(crooked).encode())


def check_role(case, document, role_keys, threshold):
    """An independent look at a native envelope: ids, signatures, threshold."""
    envelope = json.loads(document)
    message = olpc(envelope["signed"])
    good = set()
    for entry in envelope["signatures"]:
        key_object = role_keys[entry["keyid"]]
        case.assertEqual(key_id(key_object), entry["keyid"])
        public = key_object["keyval"]["public"]
        signature = bytes.fromhex(entry["sig"])
        if key_object["keytype"] == "ecdsa":
            key = serialization.load_pem_public_key(public.encode())
            key.verify(signature, message, ec.ECDSA(SHA256()))
        elif key_object["keytype"] == "ed25519":
            key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
            key.verify(signature, message)
        good.add(entry["keyid"])
    case.assertGreaterEqual(len(good), threshold)
    return envelope["signed"]


class Repositories(unittest.TestCase):
    def setUp(self):
        self.world = worlds.blank(keys=3, threshold=2).clone()
        self.addCleanup(self.world.close)
        self.world.stage(1, both=True)
        self.world.publish()

    def test_documents_verify_from_root_to_image(self):
        for repository in self.world.repositories():
            root = json.loads(repository.files["1.root.json"])["signed"]

            def keys_of(role):
                entry = root["roles"][role]
                return {i: root["keys"][i] for i in entry["keyids"]}, entry["threshold"]

            check_role(self, repository.files["1.root.json"], *keys_of("root"))
            timestamp = check_role(self, repository.files["timestamp.json"], *keys_of("timestamp"))
            says = timestamp["meta"]["snapshot.json"]
            document = repository.files["%d.snapshot.json" % says["version"]]
            self.assertEqual(hashlib.sha256(document).hexdigest(), says["hashes"]["sha256"])
            snapshot = check_role(self, document, *keys_of("snapshot"))
            listed = set(snapshot["meta"])
            self.assertEqual(listed, {name + ".json" for name in repository.nodes})
            for name, says in snapshot["meta"].items():
                document = repository.files["%d.%s" % (says["version"], name)]
                self.assertEqual(len(document), says["length"])
                self.assertEqual(hashlib.sha256(document).hexdigest(), says["hashes"]["sha256"])
            says = snapshot["meta"]["targets.json"]
            document = repository.files["%d.targets.json" % says["version"]]
            targets = check_role(self, document, *keys_of("targets"))
            for entry in targets.get("delegations", {}).get("roles", []):
                name = entry["name"]
                child = repository.files["%d.%s.json" % (repository.versions[name], name)]
                known = targets["delegations"]["keys"]
                check_role(self, child, {i: known[i] for i in entry["keyids"]}, entry["threshold"])

    def test_three_repositories_say_the_same_of_an_image(self):
        name = "supplier-a/brake-1.img"
        told = [
            self.world.director.targets[name],
            self.world.images.nodes["supplier-a"].targets[name],
            self.world.regulator.nodes["attestations"].targets[name],
        ]
        for entry in told:
            self.assertEqual(entry["custom"]["match"], told[0]["custom"]["match"])
            self.assertEqual(entry["length"], told[0]["length"])
            self.assertEqual(entry["hashes"], told[0]["hashes"])

    def test_unchanged_documents_keep_version_and_bytes(self):
        before = dict(self.world.images.files)
        self.world.publish()
        self.assertEqual(before, self.world.images.files)

    def test_a_hook_breaks_one_document_and_mending_gives_the_next_version(self):
        images = self.world.images
        version = images.versions["supplier-a"]
        images.break_role("supplier-a", wire=lambda raw: raw + b" ")
        self.world.publish()
        self.assertEqual(images.versions["supplier-a"], version + 1)
        images.mend()
        self.world.publish()
        self.assertEqual(images.versions["supplier-a"], version + 2)

    def test_pretty_is_the_same_value(self):
        value = {"b": [1, {"é": "\n"}], "a": None}
        self.assertEqual(json.loads(pretty(value)), json.loads(wire(value)))
        self.assertNotEqual(pretty(value), wire(value))


class Serving(unittest.TestCase):
    def setUp(self):
        self.world = worlds.blank().clone()
        self.addCleanup(self.world.close)

    def get(self, path):
        return urllib.request.urlopen(self.world.url + path, timeout=5).read()

    def test_serves_logs_and_refuses(self):
        document = self.world.director.docs["timestamp"]
        self.assertEqual(self.get("/director/timestamp.json"), document)
        self.assertEqual(self.world.log, [("director", "timestamp.json")])
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.get("/director/none.json")
        self.assertEqual(caught.exception.code, 404)

    def test_overrides(self):
        self.world.override("director", "timestamp.json", server.status(500))
        with self.assertRaises(urllib.error.HTTPError):
            self.get("/director/timestamp.json")
        self.world.override("director", "timestamp.json", server.truncate(10))
        with self.assertRaises(Exception):
            self.get("/director/timestamp.json")
        self.world.override("director", "timestamp.json", server.close())
        with self.assertRaises(Exception):
            self.get("/director/timestamp.json")
        self.world.override("director", "timestamp.json", server.endless(self.world, bound=1 << 20))
        self.assertGreater(len(self.get("/director/timestamp.json")), 1 << 19)


class Samples(unittest.TestCase):
    """The canonical form and signature rules agree with bytes that the real aktualizr accepted."""

    def test_sample_signatures(self):
        paths = sorted(glob.glob(os.path.join(SAMPLES, "*", "*.resp")))
        if not paths:
            self.skipTest("no samples at " + SAMPLES)
        roots, checked = {}, 0
        for path in paths:
            with open(path, "rb") as file:
                body = file.read().partition(b"\r\n\r\n")[2] or b"null"
            if not body.startswith(b'{"signatures"'):
                continue
            envelope = json.loads(body)
            self.assertEqual(ascii_escaped(envelope), body.strip())
            keys = roots.setdefault(os.path.dirname(path), {})
            keys.update(envelope["signed"].get("keys", {}))
            for entry in envelope["signatures"]:
                public = keys[entry["keyid"]]["keyval"]["public"]
                message = ascii_escaped(envelope["signed"])
                signature = base64.b64decode(entry["sig"])
                if entry["method"] == "ed25519":
                    key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
                    key.verify(signature, message)
                else:
                    key = serialization.load_pem_public_key(public.encode())
                    salt = padding.PSS.MAX_LENGTH
                    for salt in (32, padding.PSS.MAX_LENGTH):
                        try:
                            pss = padding.PSS(padding.MGF1(SHA256()), salt)
                            key.verify(signature, message, pss, SHA256())
                            break
                        except InvalidSignature:
                            continue
                    else:
                        self.fail("no salt length verifies " + path)
                checked += 1
        self.assertGreater(checked, 10)


if __name__ == "__main__":
    unittest.main()
