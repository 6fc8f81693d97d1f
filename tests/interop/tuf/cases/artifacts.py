# Contract section 3 and rule 14: artifacts, their verification and their cache.
# SPDX-License-Identifier: MIT
import contextlib
import os
import time

from tufsim.case import NOTHING_NEW, TufCase, cases, versions
from tufsim.repository import WRONG_HASH, digests, utc
from tufsim.server import endless, truncated


class ArtifactCase(TufCase):
    def serve(self, **files):
        """List these in top-level targets, publish, initialise."""
        for name, data in files.items():
            self.repo.add("targets", name, data)
        self.repo.release("targets")
        self.init()

    def only_file(self):
        files = self.client.target_files()
        self.assertEqual(len(files), 1)
        return next(iter(files.items()))


class Download(ArtifactCase):
    def test_one__stored_and_metadata_too(self):
        self.serve(file=b"content")
        self.download("file", asked="2.root.json timestamp.json 2.snapshot.json 2.targets.json "
                      + self.artifact("file"), trusted=versions(1, 2, 2, 2), have=[b"content"])

    def test_after_refresh__stored(self):
        self.serve(file=b"content")
        self.refresh(0)
        self.check_targets([])
        self.download("file", asked=NOTHING_NEW + " " + self.artifact("file"), have=[b"content"])

    @cases({"in a folder": "path/to/a/file.txt", "hidden": ".hidden", "no dot": "file",
            "many dots": "a..b...c", "blank": "a file", "tilde": "~a/~b",
            "hidden folder": ".well-known/thing", "like metadata": "targets.json",
            "hash prefix of its own": "00" * 32 + ".file", "non-ASCII": "\u00e9t\u00e9/\u4e2d",
            "longer than a file name may be": "/".join(["x" * 100, "y" * 100, "\u00e9" * 30])})
    def test_target_path__request_has_the_hash_before_the_last_part(self, path):
        self.repo.add("targets", path, b"content of it")
        self.repo.release("targets")
        self.init()
        self.download(path, asked=["+", self.artifact(path)], have=[b"content of it"])
        self.download(path, asked=NOTHING_NEW, have=[b"content of it"])

    def test_artifact_in_the_folder_of_metadata__trusted_root_stays(self):
        self.serve(**{"root.json": b"not the root"})
        before = self.client.metadata()["root.json"]
        target_dir = self.client.target_dir
        self.client.target_dir = self.client.metadata_dir + "/."
        with contextlib.suppress(AssertionError):  # this folder holds no artifacts: said below
            self.download("root.json", status=None)
        self.client.target_dir = target_dir
        self.assertEqual(self.client.metadata()["root.json"], before)

    @cases(["../outside", "../../outside", "/outside", "a/../../outside", "..", ".", "a/..",
            "a//b", "a/./b", "", "a/", "C:\\outside", "..\\outside"])
    def test_target_path_that_leads_outside__nothing_is_written_outside(self, path):
        self.repo.add("targets", path, b"content")
        self.repo.release("targets")
        self.init()
        outside = set(os.listdir(os.path.dirname(self.folder)))
        # refusing it is fine, and so is a safe file name
        self.download(path, status=None)
        self.assertNotIn("outside", set(os.listdir(os.path.dirname(self.folder))) - outside)
        self.assertFalse(os.path.lexists("/outside"))

    def test_empty_artifact__stored(self):
        self.serve(file=b"")
        self.download("file", have=[b""])
        self.download("file", asked=NOTHING_NEW, have=[b""])

    def test_large_artifact__stored_whole(self):
        data = os.urandom(3 << 20)
        self.serve(file=data)
        self.download("file")
        self.assertEqual(self.only_file()[1][1], data)

    def test_bytes_of_all_values__stored_as_they_are(self):
        data = bytes(range(256)) * 3 + b"\r\n\0\n"
        self.serve(file=data)
        self.download("file")
        self.assertEqual(self.only_file()[1][1], data)

    def test_custom_member_in_the_entry__ignored(self):
        self.repo.add("targets", "file", b"content")["custom"] = {"a": [1, {"b": None}]}
        self.repo.release("targets")
        self.init()
        self.download("file", have=[b"content"])

    def test_not_in_the_metadata__fails_with_metadata_updated(self):
        self.serve(file=b"content")
        self.download("other", status=1, asked="2.root.json timestamp.json 2.snapshot.json "
                      "2.targets.json", trusted=versions(1, 2, 2, 2), have=[])

    @cases(["File", "file ", "/file", "fil", "file/", "*", "fil?", "%66ile"])
    def test_name_that_is_not_exactly_it__not_found(self, name):
        self.serve(file=b"content")
        self.download(name, status=1, asked="+", have=[])

    def test_metadata_refused__no_artifact_is_asked_for(self):
        self.serve(file=b"content")
        self.repo.expire("timestamp", utc(-1))
        self.repo.publish("timestamp")
        self.download("file", status=1, asked=NOTHING_NEW, trusted=versions(1), have=[])

    def test_served_as_404__fails_and_stores_nothing(self):
        self.serve(file=b"content")
        self.repo.replace_artifact("targets", "file", 404)
        self.download("file", status=1, asked=["+", self.artifact("file")], have=[])


class Several(ArtifactCase):
    def test_in_argument_order_with_one_refresh(self):
        self.serve(a=b"content a", b=b"content b", c=b"content c")
        self.download("b", "c", "a", asked=["2.root.json", "timestamp.json", "2.snapshot.json",
                                            "2.targets.json", self.artifact("b"),
                                            self.artifact("c"), self.artifact("a")],
                      have=[b"content b", b"content c", b"content a"])

    def test_same_name_twice__fetched_once(self):
        self.serve(a=b"content a", b=b"content b")
        self.download("a", "b", "a", asked=["+", self.artifact("a"), self.artifact("b")],
                      have=[b"content a", b"content b"])

    def test_first_not_found__nothing_else_is_asked_for(self):
        self.serve(a=b"content a")
        self.download("missing", "a", status=1, asked="+", have=[])

    def test_second_not_found__first_stays_and_third_is_not_asked_for(self):
        self.serve(a=b"content a", c=b"content c")
        self.download("a", "missing", "c", status=1, asked=["+", self.artifact("a")],
                      have=[b"content a"])

    def test_second_is_bad__first_stays_and_third_is_not_asked_for(self):
        self.serve(a=b"content a", b=b"content b", c=b"content c")
        self.repo.replace_artifact("targets", "b", b"CONTENT B")
        self.download("a", "b", "c", status=1,
                      asked=["+", self.artifact("a"), self.artifact("b")], have=[b"content a"])

    @cases({"same last part": ("x/file", "y/file"), "one is a folder of the other": ("a", "a/b"),
            "other way round": ("a/b", "a"), "case": ("File", "file"),
            "encoded slash": ("a/b", "a_b")})
    def test_names_that_resemble__both_kept(self, first, second):
        self.repo.add("targets", first, b"first")
        self.repo.add("targets", second, b"second")
        self.repo.release("targets")
        self.init()
        self.download(first, second, have=[b"first", b"second"])
        self.download(first, second, asked=NOTHING_NEW, have=[b"first", b"second"])


class Cache(ArtifactCase):
    def test_have_it__no_request_and_not_touched(self):
        self.serve(file=b"content")
        self.download("file")
        before = self.client.target_files()
        time.sleep(0.02)
        self.download("file", asked=NOTHING_NEW)
        self.assertEqual(self.client.target_files(), before)

    def test_have_it_and_repository_lost_it__fine(self):
        self.serve(file=b"content")
        self.download("file")
        self.repo.replace_artifact("targets", "file", 404)
        self.download("file", asked=NOTHING_NEW, have=[b"content"])

    def test_have_it_but_no_longer_listed__fails_and_keeps_it(self):
        self.serve(file=b"content")
        self.download("file")
        del self.repo.targets["targets"]["file"]
        self.repo.release("targets")
        self.download("file", status=1, asked="+", have=[b"content"])

    def test_new_content__replaces_under_the_same_name_with_a_new_time(self):
        self.serve(file=b"content", other=b"other content")
        self.download("file", "other")
        first = {p for p, (_, d) in self.client.target_files().items() if d == b"content"}
        time.sleep(0.02)
        self.repo.add("targets", "file", b"newer content")
        self.repo.release("targets")
        self.download("file", asked=["+", self.artifact("file")],
                      have=[b"other content", b"newer content"])
        now = {p for p, (_, d) in self.client.target_files().items() if d == b"newer content"}
        self.assertEqual(now, first)

    def test_copy_damaged_here__fetched_again_to_the_same_place(self):
        self.serve(file=b"content")
        self.download("file")
        name, _ = self.only_file()
        for damage in (b"CONTENT", b"", b"content and more"):
            with open(os.path.join(self.client.target_dir, name), "wb") as file:
                file.write(damage)
            self.download("file", asked=["+", self.artifact("file")], have=[b"content"])
            self.assertEqual(self.only_file()[0], name)

    def test_copy_removed_here__fetched_again(self):
        self.serve(file=b"content")
        self.download("file")
        os.remove(os.path.join(self.client.target_dir, self.only_file()[0]))
        self.download("file", asked=["+", self.artifact("file")], have=[b"content"])

    def test_many_versions__only_the_newest_is_kept(self):
        self.serve(file=b"content 0")
        self.download("file")
        for i in range(1, 12):
            self.repo.add("targets", "file", f"content {i}".encode())
            self.repo.add("targets", f"new {i}", f"new content {i}".encode())
            self.repo.release("targets")
            if i % 5 == 0:
                self.download("file", asked=["+", self.artifact("file")])
                self.repo.replace_artifact("targets", "file", b"not what is listed")
                self.download("file", asked=NOTHING_NEW)
                self.download(f"new {i}")
        self.check_targets([b"new content 5", b"content 10", b"new content 10"])


class Bad(ArtifactCase):
    """Rule 14: bytes that are not those that were signed never appear in the target directory."""

    @cases({
        "other bytes": b"CONTENT",
        "one bit": b"cnntent",
        "shorter": b"conten",
        "longer": b"content!",
        "much longer": b"content" + b"!" * 100000,
        "empty": b"",
        "status 500": 500,
        "status 403": 403,
        "ended early": truncated(b"cont", 3),
        "all of it, but more was promised": truncated(b"content", 5),
    })
    def test_other_bytes_served__refused_and_nothing_stored(self, served):
        self.serve(file=b"content")
        self.repo.replace_artifact("targets", "file", served)
        self.download("file", status=1, asked=["+", self.artifact("file")], have=[])
        self.repo.replace_artifact("targets", "file", b"content")
        self.download("file", have=[b"content"])

    @cases({"other bytes": b"CONTENT TWO", "shorter": b"content tw",
            "longer": b"content two!", "absent": 404})
    def test_other_bytes_served_for_a_new_version__old_copy_stays_as_it_was(self, served):
        self.serve(file=b"content")
        self.download("file")
        before = self.client.target_files()
        self.repo.add("targets", "file", b"content two")
        self.repo.release("targets")
        self.repo.replace_artifact("targets", "file", served)
        self.download("file", status=1, asked=["+", self.artifact("file")])
        self.assertEqual(self.client.target_files(), before)

    def test_never_ending_artifact__cut_off(self):
        self.serve(file=b"content")
        body = endless()
        self.repo.replace_artifact("targets", "file", body)
        self.download("file", status=1, have=[])
        self.assertLess(body.sent, body.most)

    @cases({"length too short": ("length", 6), "length too long": ("length", 8),
            "hash differs": ("hashes", {"sha256": WRONG_HASH})})
    def test_entry_does_not_fit_the_bytes__refused(self, member, value):
        entry = self.repo.add("targets", "file", b"content")
        entry[member] = value
        if member == "hashes":
            self.repo.put("file", WRONG_HASH, b"content")
        self.repo.release("targets")
        self.init()
        self.download("file", status=1, have=[])


class Hashes(ArtifactCase):
    @cases({"sha256": ("sha256",), "sha512": ("sha512",), "both": ("sha256 sha512",)})
    def test_known_algorithms__accepted_and_any_of_them_in_the_request(self, algorithms):
        entry = self.repo.add("targets", "a/file", b"content", algorithms.split())
        self.repo.release("targets")
        self.init()
        self.download("a/file", have=[b"content"])
        possible = [self.repo.artifact_path("a/file", h) for h in entry["hashes"].values()]
        self.assertIn(self.asked[-1], possible)
        self.assertEqual(len(self.asked), 5)

    @cases({"sha256": ("sha256",), "sha512": ("sha512",), "both": ("sha256 sha512",)})
    def test_known_algorithms_and_other_bytes__refused(self, algorithms):
        self.repo.add("targets", "file", b"content", algorithms.split())
        self.repo.replace_artifact("targets", "file", b"CONTENT")
        self.repo.release("targets")
        self.init()
        self.download("file", status=1, have=[])

    @cases(["sha256", "sha512"])
    def test_one_of_two_hashes_wrong__refused(self, wrong):
        entry = self.repo.add("targets", "file", b"content", ("sha256", "sha512"))
        entry["hashes"][wrong] = digests(b"another", (wrong,))[wrong]
        for digest in entry["hashes"].values():
            self.repo.put("file", digest, b"content")
        self.repo.release("targets")
        self.init()
        self.download("file", status=1, have=[])

    @cases({"only unknown": {"blake9": "00" * 32}, "none": {},
            "unknown that looks like sha256": {"SHA-256": digests(b"content")["sha256"]}})
    def test_no_known_algorithm__refused(self, hashes):
        entry = self.repo.add("targets", "file", b"content")
        entry["hashes"] = hashes
        for digest in hashes.values():
            self.repo.put("file", digest, b"content")
        self.repo.release("targets")
        self.init()
        self.download("file", status=1, have=[])

    def test_unknown_algorithm_beside_a_known_one__accepted(self):
        entry = self.repo.add("targets", "file", b"content")
        entry["hashes"] = {"blake9": "00" * 32, **entry["hashes"]}
        self.repo.put("file", "00" * 32, b"content")
        self.repo.release("targets")
        self.init()
        self.download("file", have=[b"content"])
