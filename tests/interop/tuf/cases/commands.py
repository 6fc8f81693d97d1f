# Contract sections 1 and 2: the command line, exit statuses, and what init and refresh leave.
# SPDX-License-Identifier: MIT
import itertools
import json
import os
import shutil

from tufsim import keys
from tufsim.canonical import compact, pretty
from tufsim.case import NOTHING_NEW, TOP_REQUESTS, TufCase, cases, versions
from tufsim.repository import reseal, utc


def without_version(document):
    del document["signed"]["version"]


def without_signatures(document):
    document["signatures"] = []


def another_signature(document):
    document["signatures"][0]["sig"] = keys.ecdsa().sign(b"something else")


def threshold_unmet(document):
    document["signed"]["roles"]["root"]["threshold"] = 2


def another_type(document):
    document["signed"]["_type"] = "targets"


BROKEN_ROOTS = {
    "no version": without_version,
    "no signatures": without_signatures,
    "another signature": another_signature,
    "changed after signing": threshold_unmet,
    "another type, not signed again": another_type,
}


class Init(TufCase):
    def test_init__stores_the_root_as_given_and_asks_nothing(self):
        self.init()
        self.assertEqual(self.repo.requests, [])
        self.check_trusted(versions(1))

    def test_init__root_with_odd_layout__stored_byte_for_byte(self):
        self.repo.publish("root", bump=False, raw=lambda data: b"\n " + data + b"\r\n\t ")
        self.start()

    @cases(BROKEN_ROOTS)
    def test_root_file_broken__refresh_fails_without_a_request(self, damage):
        document = json.loads(self.repo.bytes_of("root"))
        damage(document)
        self.init(pretty(document), status=None)
        self.refresh(1, "")
        self.assertLessEqual(set(self.client.metadata()), {"root.json"})

    @cases({"empty": b"", "text": b"trusted root", "half": None, "array": b"[]",
            "null": b"null", "empty object": b"{}"})
    def test_root_file_not_metadata__refresh_fails_without_a_request(self, data):
        whole = self.repo.bytes_of("root")
        self.init(whole[:len(whole) // 2] if data is None else data, status=None)
        self.refresh(1, "")

    def test_root_file_signed_but_of_another_type__refresh_fails_without_a_request(self):
        def snapshot_type(envelope):
            envelope["signed"]["_type"] = "snapshot"
            reseal(envelope, self.repo.signers["root"])
        self.repo.publish("root", bump=False, edit=snapshot_type)
        self.init(status=None)
        self.refresh(1, "")

    def test_root_file_below_its_own_threshold__refresh_fails_without_a_request(self):
        pair = [keys.ecdsa(), keys.ecdsa()]
        self.repo.set_keys("root", pair, threshold=2, sign_with=pair[:1])
        self.repo.publish("root", bump=False)
        self.init(status=None)
        self.refresh(1, "")

    def test_root_file_missing__fails_and_stores_nothing(self):
        got = self._call("--metadata-dir", self.client.metadata_dir, "init",
                         os.path.join(self.folder, "no such file"))
        self._check(got, 1, "", {})

    def test_refresh_before_init__fails_without_a_request(self):
        self.refresh(1, "", {})

    def test_download_before_init__fails_without_a_request(self):
        self.repo.add("targets", "file", b"content")
        self.download("file", status=1, asked="", trusted={}, have=[])


class Refresh(TufCase):
    def test_first__exact_requests_and_files(self):
        self.init()
        self.refresh(0, TOP_REQUESTS, versions(1, 1, 1, 1))

    def test_nothing_new__asks_for_root_and_timestamp_only(self):
        self.start()
        for _ in range(2):
            self.refresh(0, NOTHING_NEW, versions(1, 1, 1, 1))

    def test_everything_new__each_file_asked_once(self):
        self.start()
        self.repo.publish("root", "targets", "snapshot", "timestamp")
        self.refresh(0, "2.root.json 3.root.json timestamp.json 2.snapshot.json 2.targets.json",
                     versions(2, 2, 2, 2))
        self.refresh(0, "3.root.json timestamp.json")

    def test_only_timestamp_new__snapshot_and_targets_come_from_disk(self):
        self.start()
        self.repo.publish("timestamp")
        self.refresh(0, NOTHING_NEW, versions(1, 2, 1, 1))

    def test_only_snapshot_new__targets_come_from_disk(self):
        self.start()
        self.repo.release()
        self.refresh(0, "2.root.json timestamp.json 2.snapshot.json", versions(1, 2, 2, 1))

    def test_versions_skipped__goes_straight_to_the_listed_ones(self):
        self.start()
        for _ in range(6):
            self.repo.release("targets")
        self.refresh(0, "2.root.json timestamp.json 7.snapshot.json 7.targets.json",
                     versions(1, 7, 7, 7))

    def test_state_lives_in_the_metadata_directory_alone(self):
        self.start()
        moved = os.path.join(self.folder, "elsewhere")
        shutil.copytree(self.client.metadata_dir, moved)
        shutil.rmtree(self.client.metadata_dir)
        os.mkdir(self.client.metadata_dir)
        got = self._call("--metadata-url", self.url + "/metadata/", "--metadata-dir", moved,
                         "refresh")
        self._check(got, 0, NOTHING_NEW, {})

    def test_repository_gone__fails_and_keeps_what_it_has(self):
        self.start()
        self.repo.files.clear()
        self.refresh(1, NOTHING_NEW, versions(1, 1, 1, 1))

    def test_nobody_listens__fails_and_keeps_what_it_has(self):
        self.start()
        got = self._call("--metadata-url", "http://127.0.0.1:1/x/metadata/",
                         "--metadata-dir", self.client.metadata_dir, "refresh")
        self._check(got, 1, "", versions(1, 1, 1, 1))

    @cases({"no scheme": "metadata", "empty": "", "scheme only": "http://",
            "file": "file:///etc/hostname"})
    def test_metadata_url_is_no_http_url__fails(self, url):
        self.start()
        got = self._call("--metadata-url", url, "--metadata-dir", self.client.metadata_dir,
                         "refresh")
        self._check(got, 1, "", versions(1, 1, 1, 1))

    def test_metadata_url_without_slash_at_the_end__one_is_added(self):
        self.init()
        got = self._call("--metadata-url", self.url + "/metadata",
                         "--metadata-dir", self.client.metadata_dir, "refresh")
        self._check(got, 0, TOP_REQUESTS, versions(1, 1, 1, 1))


class Words(TufCase):
    """Options in any order; everything that is not understood is exit status 1."""

    def options(self):
        return {"url": ("--metadata-url", self.url + "/metadata/"),
                "dir": ("--metadata-dir", self.client.metadata_dir),
                "name": ("--target-name", "file"),
                "to": ("--target-dir", self.client.target_dir),
                "from": ("--target-base-url", self.url + "/targets/")}

    def words(self, order):
        options = self.options()
        return [word for key in order for word in options[key]]

    def with_file(self):
        self.repo.add("targets", "file", b"content")
        self.repo.add("targets", "other", b"other content")
        self.repo.release("targets")
        self.init()

    @cases({"url first": ("url dir",), "dir first": ("dir url",)})
    def test_refresh__options_in_any_order(self, order):
        self.init()
        got = self._call(*self.words(order.split()), "refresh")
        self._check(got, 0, TOP_REQUESTS, versions(1, 1, 1, 1))

    @cases({" ".join(order): (order,) for order in
            list(itertools.permutations(("url", "dir", "name", "to", "from")))[5::23]})
    def test_download__options_in_any_order(self, order):
        self.with_file()
        self._check(self._call(*self.words(order), "download"), 0, None, versions(1, 2, 2, 2))
        self.check_targets([b"content"])

    def test_download__names_between_other_options__kept_in_order(self):
        self.with_file()
        order = self.words(["name", "url", "to"]) + ["--target-name", "other"]
        got = self._call(*order, *self.words(["dir", "from"]), "download")
        self._check(got, 0, ["+", self.artifact("file"), self.artifact("other")], None)
        self.check_targets([b"content", b"other content"])

    def test_download__base_url_without_slash_at_the_end__one_is_added(self):
        self.with_file()
        got = self._call(*self.words(["url", "dir", "name", "to"]),
                         "--target-base-url", self.url + "/targets", "download")
        self._check(got, 0, ["+", self.artifact("file")], None)

    @cases({
        "nothing": "",
        "no sub-command": "url dir",
        "unknown sub-command": "url dir =sync",
        "unknown option": "url dir =--verbose =yes =refresh",
        "option without value": "url =--metadata-dir",
        "option without value before sub-command": "url =--metadata-dir =refresh",
        "refresh without url": "dir =refresh",
        "refresh without dir": "url =refresh",
        "refresh with a positional": "url dir =refresh =more",
        "download without url": "dir name to from =download",
        "download without dir": "url name to from =download",
        "download without name": "url dir to from =download",
        "download without target dir": "url dir name from =download",
        "download without base url": "url dir name to =download",
        "download with a positional": "url dir name to from =download =file",
        "init without file": "dir =init",
        "init with two files": "dir =init =ROOT =ROOT",
        "init without dir": "=init =ROOT",
    })
    def test_not_understood__exit_1_and_nothing_happens(self, line):
        root = os.path.join(self.folder, "initial_root.json")
        with open(root, "wb") as file:
            file.write(self.repo.bytes_of("root"))
        words = []
        for word in line.split():
            literal = word[1:].replace("ROOT", root) if word[0] == "=" else None
            words += [literal] if literal else self.options()[word]
        self._check(self._call(*words), 1, "", {})
        self.check_targets([])

    @cases({
        "refresh without url": "dir =refresh",
        "download without name": "url dir to from =download",
        "unknown sub-command": "url dir =sync",
    })
    def test_not_understood_after_init__exit_1_and_nothing_happens(self, line):
        self.start()
        words = []
        for word in line.split():
            words += [word[1:]] if word[0] == "=" else self.options()[word]
        self._check(self._call(*words), 1, "", versions(1, 1, 1, 1))

    def test_help__exit_0(self):
        self._check(self._call("--help"), 0, "", {})

    def test_metadata_dir_does_not_exist__exit_1(self):
        got = self._call("--metadata-url", self.url + "/metadata/", "--metadata-dir",
                         os.path.join(self.client.metadata_dir, "none"), "refresh")
        self._check(got, 1, "", {})

    def test_metadata_dir_is_a_file__exit_1(self):
        path = os.path.join(self.folder, "initial_root.json")
        with open(path, "wb") as file:
            file.write(self.repo.bytes_of("root"))
        self._check(self._call("--metadata-dir", path, "init", path), 1, "", {})

    def test_relative_paths__taken_from_the_current_directory(self):
        self.repo.add("targets", "file", b"content")
        self.repo.release("targets")
        self.init(root=self.repo.bytes_of("root"))
        got = self._call("--metadata-url", self.url + "/metadata/", "--metadata-dir", "metadata",
                         "--target-name", "file", "--target-dir", "targets",
                         "--target-base-url", self.url + "/targets/", "download",
                         cwd=self.folder)
        self._check(got, 0, None, versions(1, 2, 2, 2))
        self.check_targets([b"content"])


class Damage(TufCase):
    """The stored files are read again each time and believed only if they verify."""
    local_damage = True

    def test_stored_root_removed__fails_without_a_request(self):
        self.start()
        os.remove(os.path.join(self.client.metadata_dir, "root.json"))
        self.refresh(1, "")

    @cases(BROKEN_ROOTS)
    def test_stored_root_damaged__fails_without_a_request(self, damage):
        self.start()
        document = json.loads(self.repo.bytes_of("root"))
        damage(document)
        self.client.put_metadata("root.json", pretty(document))
        self.refresh(1, "")

    @cases(["timestamp", "snapshot", "targets"])
    def test_stored_file_is_garbage__fetched_again(self, role):
        self.start()
        for garbage in (b"", b"\0\xff", self.repo.bytes_of(role)[:100], b"{}", b"[]" * 99):
            self.client.put_metadata(f"{role}.json", garbage)
            more = "" if role == "timestamp" else f" 1.{role}.json"
            self.refresh(0, NOTHING_NEW + more, versions(1, 1, 1, 1))

    @cases({"timestamp": ("timestamp", 1 << 17), "snapshot": ("snapshot", 5 << 20),
            "targets": ("targets", 17 << 20)})
    def test_stored_file_larger_than_any_cap__fetched_again(self, role, size):
        self.start()
        self.client.put_metadata(f"{role}.json", self.repo.bytes_of(role) + b" " * size)
        more = "" if role == "timestamp" else f" 1.{role}.json"
        self.refresh(0, NOTHING_NEW + more, versions(1, 1, 1, 1))

    @cases(["timestamp", "snapshot", "targets"])
    def test_stored_file_not_signed__fetched_again(self, role):
        self.start()
        document = json.loads(self.repo.bytes_of(role))
        document["signed"]["changed"] = True
        self.client.put_metadata(f"{role}.json", compact(document))
        more = "" if role == "timestamp" else f" 1.{role}.json"
        self.refresh(0, NOTHING_NEW + more, versions(1, 1, 1, 1))

    def test_stored_timestamp_forged_with_high_version__does_not_block(self):
        self.start()
        document = json.loads(self.repo.bytes_of("timestamp"))
        document["signed"]["version"] = 999
        self.client.put_metadata("timestamp.json", compact(document))
        self.refresh(0, NOTHING_NEW, versions(1, 1, 1, 1))

    @cases(["snapshot", "targets"])
    def test_stored_file_removed__fetched_again(self, role):
        self.start()
        os.remove(os.path.join(self.client.metadata_dir, f"{role}.json"))
        self.refresh(0, f"{NOTHING_NEW} 1.{role}.json", versions(1, 1, 1, 1))

    def test_stored_targets_of_same_version_but_other_hash__fetched_again(self):
        self.repo.list_hashes = ("sha256",)
        self.repo.publish("targets", "snapshot", "timestamp", bump=False)
        self.start()
        other = json.loads(self.repo.bytes_of("targets"))
        other["signed"]["custom"] = "the repository signed two versions 1"
        reseal(other, self.repo.signers["targets"])
        self.client.put_metadata("targets.json", pretty(other))
        self.refresh(0, f"{NOTHING_NEW} 1.targets.json", versions(1, 1, 1, 1))

    def test_other_things_in_the_metadata_directory__left_alone(self):
        self.init()
        os.mkdir(os.path.join(self.client.metadata_dir, "folder.json"))
        self.client.put_metadata("notes.txt", b"mine")
        self.refresh(0, TOP_REQUESTS, versions(1, 1, 1, 1))
        with open(os.path.join(self.client.metadata_dir, "notes.txt"), "rb") as file:
            self.assertEqual(file.read(), b"mine")


class Expired(TufCase):
    def test_trusted_root_expired__the_next_one_is_found_and_all_is_well(self):
        self.repo.expire("root", utc(-2))
        self.repo.publish("root", bump=False)
        first = self.repo.bytes_of("root")
        self.repo.expire("root", utc(2))
        self.repo.publish("root")
        self.init(first)
        self.refresh(0, "2.root.json 3.root.json timestamp.json 1.snapshot.json 1.targets.json",
                     versions(2, 1, 1, 1))
