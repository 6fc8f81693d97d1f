# The tests' own ground: what the simulator serves is TUF metadata that verifies.
# Verified here with the cryptography module alone, not with the reference client.
# SPDX-License-Identifier: MIT
import hashlib
import http.client
import json
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tufsim import keys
from tufsim.canonical import canonical, compact, pretty
from tufsim.case import TufCase, cases
from tufsim.repository import TOP, utc


class Documents(TufCase):
    def check_ecdsa(self, data, keyring, role):
        document = json.loads(data)
        self.assertEqual(len(document["signatures"]), role["threshold"])
        for entry in document["signatures"]:
            self.assertIn(entry["keyid"], role["keyids"])
            public = keyring[entry["keyid"]]
            self.assertEqual(entry["keyid"], hashlib.sha256(canonical(public)).hexdigest())
            key = serialization.load_pem_public_key(public["keyval"]["public"].encode())
            signature = bytes.fromhex(entry["sig"])
            key.verify(signature, canonical(document["signed"]), ec.ECDSA(hashes.SHA256()))
            with self.assertRaises(InvalidSignature):
                key.verify(signature, canonical(document["signed"]) + b" ",
                           ec.ECDSA(hashes.SHA256()))
        return document["signed"]

    def test_fresh_repository__verifies_from_the_root(self):
        root = json.loads(self.repo.bytes_of("root"))["signed"]
        self.assertTrue(root["consistent_snapshot"])
        for role in TOP:
            signed = self.check_ecdsa(self.repo.bytes_of(role), root["keys"],
                                      root["roles"][role])
            self.assertEqual((signed["_type"], signed["version"]), (role, 1))
            expires = datetime.fromisoformat(signed["expires"].replace("Z", "+00:00"))
            self.assertGreater(expires, utc(20))
        self.assertEqual(self.repo.listed("snapshot"), {"version": 1})
        self.assertEqual(self.repo.listed("targets"), {"version": 1})

    def test_delegated_role__verifies_from_its_delegator(self):
        self.repo.delegate("targets", "A", signers=[keys.ecdsa(), keys.ecdsa()], threshold=2)
        self.repo.release("A", "targets")
        delegations = json.loads(self.repo.bytes_of("targets"))["signed"]["delegations"]
        self.check_ecdsa(self.repo.bytes_of("A"), delegations["keys"], delegations["roles"][0])

    def test_versions__rise_and_old_ones_are_still_served(self):
        self.repo.publish("root", "targets", "snapshot", "timestamp")
        for name in ("1.root", "2.root", "1.targets", "2.targets", "1.snapshot", "2.snapshot"):
            self.assertEqual(json.loads(self.repo.files[f"metadata/{name}.json"])
                             ["signed"]["version"], int(name[0]))
        self.assertEqual(self.repo.listed("snapshot")["version"], 2)

    def test_hashes_and_length__are_those_of_the_bytes(self):
        self.repo.list_hashes, self.repo.list_length = ("sha256", "sha512"), True
        self.repo.publish("targets", "snapshot", "timestamp")
        for role in ("targets", "snapshot"):
            entry, data = self.repo.listed(role), self.repo.bytes_of(role)
            self.assertEqual(entry["length"], len(data))
            for algorithm in ("sha256", "sha512"):
                self.assertEqual(entry["hashes"][algorithm],
                                 hashlib.new(algorithm, data).hexdigest())

    def test_documents_are_pretty_and_not_canonical(self):
        data = self.repo.bytes_of("root")
        self.assertIn(b'\n "signed": {\n  "_type": "root"', data)
        self.assertNotEqual(data, canonical(json.loads(data)))


class Forms(TufCase):
    @cases({
        "sorted": ({"b": 1, "a": [True, False, None]}, b'{"a":[true,false,null],"b":1}'),
        "escapes": ('a"\\/\n\t\x00', b'"a\\"\\\\/\n\t\x00"'),
        "UTF-8": ("\u00e9", b'"\xc3\xa9"'),
        "numbers": ([0, -1, 9007199254740991], b"[0,-1,9007199254740991]"),
        "empty": ([{}, [], ""], b'[{},[],""]'),
    })
    def test_canonical(self, value, text):
        self.assertEqual(canonical(value), text)
        self.assertEqual(canonical(json.loads(pretty(value))), text)
        self.assertEqual(canonical(json.loads(compact(value))), text)

    def test_canonical__no_fractions(self):
        with self.assertRaises(TypeError):
            canonical({"a": 1.5})

    @cases({"ecdsa": (keys.ecdsa, None), "ed25519": (keys.eddsa, 64),
            "rsa": (keys.rsa_pss, 384), "rsa, salt 0": (lambda: keys.rsa_pss(2048, 0), 256),
            "rsa, long salt": (lambda: keys.rsa_pss(2048, 222), 256)})
    def test_keys__sign_and_verify(self, make, size):
        signer, other = make(), make()
        signature = signer.sign(b"message")
        self.assertTrue(keys.verify(signer.public, signature, b"message"))
        self.assertFalse(keys.verify(signer.public, signature, b"messagf"))
        self.assertFalse(keys.verify(other.public, signature, b"message"))
        if size:
            self.assertEqual(len(signature), 2 * size)
        self.assertEqual(keys.material(signer.public),
                         keys.material(signer.variant(x=1).public))
        self.assertNotEqual(keys.material(signer.public), keys.material(other.public))


class Serving(TufCase):
    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1])
        connection.request(method, path)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response, data

    def test_http_1_0_and_one_answer_per_connection(self):
        response, data = self.get(f"/{self.repo.prefix}/metadata/timestamp.json")
        self.assertEqual((response.version, response.status), (10, 200))
        self.assertEqual(response.getheader("Content-length"), str(len(data)))
        self.assertEqual(data, self.repo.bytes_of("timestamp"))
        self.assertEqual(self.repo.requests, ["metadata/timestamp.json"])

    def test_absent__404_with_a_body(self):
        response, data = self.get(f"/{self.repo.prefix}/metadata/9.root.json")
        self.assertEqual(response.status, 404)
        self.assertTrue(data)

    def test_head__501_and_logged(self):
        response, _ = self.get(f"/{self.repo.prefix}/metadata/timestamp.json", "HEAD")
        self.assertEqual(response.status, 501)
        self.assertEqual(self.repo.requests, ["HEAD metadata/timestamp.json"])

    def test_path_that_was_decoded_on_the_way__belongs_to_nobody(self):
        self.new_repository("a/b")
        response, _ = self.get("/a/b/metadata/timestamp.json")
        self.assertEqual(response.status, 404)
        self.assertEqual(self.repo.requests, [])
        self.assertIn("GET /a/b/metadata/timestamp.json", self.server.strays)

    def test_artifact__before_the_last_part_stands_its_hash(self):
        self.repo.add("targets", "dir/a b", b"content")
        path = self.artifact("dir/a b")
        self.assertEqual(path, f"targets/dir/{hashlib.sha256(b'content').hexdigest()}.a%20b")
        self.assertEqual(self.get(f"/{self.repo.prefix}/{path}")[1], b"content")
