# Rules 3, 4, 6, 7 and 8: versions never fall, unless the keys that vouched for them are gone.
# SPDX-License-Identifier: MIT
from tufsim import keys
from tufsim.case import NOTHING_NEW, TufCase, cases, needs_faketime, versions
from tufsim.repository import reseal, utc

BOTH = {"plain": False, "with hashes": True}


class RollbackCase(TufCase):
    def list_hashes(self, on):
        if on:
            self.repo.list_hashes, self.repo.list_length = ("sha256",), True
            self.repo.publish("targets", "snapshot", "timestamp", bump=False)

    def republish(self, role, version):
        """Publish a role again at a version of our choice."""
        self.repo.signed[role]["version"] = version
        self.repo.publish(role, bump=False)


class Timestamp(RollbackCase):
    @cases([1, 4])
    def test_lower_version__refused_and_not_stored(self, version):
        self.init()
        self.republish("timestamp", 5)
        self.refresh(0, trusted=versions(1, 5, 1, 1))
        self.republish("timestamp", version)
        self.refresh(1, NOTHING_NEW, versions(1, 5, 1, 1))

    def test_equal_version_same_bytes__fine(self):
        self.start()
        self.refresh(0, NOTHING_NEW, versions(1, 1, 1, 1))

    @cases({"higher snapshot": 100, "same snapshot": 1})
    def test_equal_version_other_content__old_one_kept_and_new_content_not_used(self, listed):
        self.start()
        first = self.client.metadata()
        self.repo.timestamp["meta"]["snapshot.json"] = {"version": listed}
        self.repo.timestamp["x-unknown"] = "changed"
        self.repo.publish("timestamp", bump=False)
        self.refresh(0, NOTHING_NEW)
        self.assertEqual(self.client.metadata(), first)

    def test_equal_version_that_lists_an_older_snapshot__old_one_kept(self):
        self.init()
        self.repo.release()
        self.refresh(0, trusted=versions(1, 2, 2, 1))
        first = self.client.metadata()
        self.repo.timestamp["meta"]["snapshot.json"] = {"version": 1}
        self.repo.publish("timestamp", bump=False)
        self.refresh(0, NOTHING_NEW)
        self.assertEqual(self.client.metadata(), first)

    @cases({"expired": True, "valid": False})
    def test_equal_version_with_another_expiry__old_one_kept(self, expired):
        self.start()
        first = self.client.metadata()
        self.repo.expire("timestamp", utc(-1 if expired else 300))
        self.repo.publish("timestamp", bump=False)
        self.refresh(None, NOTHING_NEW)
        self.assertEqual(self.client.metadata(), first)

    @cases(BOTH)
    def test_lists_an_older_snapshot__refused_and_not_stored(self, hashes):
        self.list_hashes(hashes)
        self.init()
        self.repo.release()
        self.refresh(0, trusted=versions(1, 2, 2, 1))
        self.republish("snapshot", 1)
        self.repo.publish("timestamp")
        self.refresh(1, NOTHING_NEW, versions(1, 2, 2, 1))

    def test_lists_an_older_snapshot_than_a_timestamp_whose_snapshot_never_came__refused(self):
        self.start()
        self.repo.release()
        self.repo.withhold("2.snapshot.json")
        self.refresh(1, trusted=versions(1, 2, 1, 1))
        self.repo.timestamp["meta"]["snapshot.json"] = {"version": 1}
        self.repo.publish("timestamp")
        self.refresh(1, NOTHING_NEW, versions(1, 2, 1, 1))

    def test_higher_version_after_a_refused_one__accepted(self):
        self.init()
        self.republish("timestamp", 5)
        self.refresh(0)
        self.republish("timestamp", 4)
        self.refresh(1)
        self.republish("timestamp", 6)
        self.refresh(0, NOTHING_NEW, versions(1, 6, 1, 1))

    @needs_faketime
    def test_lower_version_and_stored_one_expired__still_refused(self):
        self.init()
        self.repo.expire("timestamp", utc(7))
        self.republish("timestamp", 5)
        self.refresh(0, trusted=versions(1, 5, 1, 1))
        self.repo.expire("timestamp", utc(21))
        self.republish("timestamp", 4)
        self.refresh(1, NOTHING_NEW, versions(1, 5, 1, 1), at=utc(18))

    @needs_faketime
    def test_older_snapshot_and_stored_timestamp_expired__still_refused(self):
        self.init()
        self.repo.expire("timestamp", utc(7))
        self.repo.release()
        self.refresh(0, trusted=versions(1, 2, 2, 1))
        self.repo.expire("timestamp", utc(21))
        self.republish("snapshot", 1)
        self.repo.publish("timestamp")
        self.refresh(1, NOTHING_NEW, versions(1, 2, 2, 1), at=utc(18))


class Snapshot(RollbackCase):
    def prepare(self, hashes=False):
        """Targets at 4, a delegated role A at 3, all trusted."""
        self.list_hashes(hashes)
        self.repo.delegate("targets", "A")
        self.repo.publish("A")
        self.republish("A", 3)
        self.republish("targets", 4)
        self.repo.publish("snapshot", "timestamp")
        self.init()
        self.refresh(0, trusted=versions(1, 2, 2, 4))

    def lower_targets(self):
        self.republish("targets", 3)

    def lower_delegated(self):
        self.republish("A", 2)

    def drop_delegated(self):
        del self.repo.snapshot["meta"]["A.json"]

    def drop_and_add(self):
        del self.repo.snapshot["meta"]["A.json"]
        self.repo.snapshot["meta"]["B.json"] = {"version": 9}

    ATTACKS = {f"{name}, {how}": (attack, hashes) for name, attack in {
        "targets lower": lower_targets, "delegated lower": lower_delegated,
        "delegated vanished": drop_delegated, "delegated replaced": drop_and_add,
    }.items() for how, hashes in BOTH.items()}

    @cases(ATTACKS)
    def test_entry_falls_or_vanishes__snapshot_refused_and_timestamp_stored(self, attack, hashes):
        self.prepare(hashes)
        attack(self)
        self.repo.publish("snapshot", "timestamp")
        self.refresh(1, NOTHING_NEW + " 3.snapshot.json", versions(1, 3, 2, 4))

    @cases(ATTACKS)
    @needs_faketime
    def test_same_and_stored_snapshot_expired__refused(self, attack, hashes):
        self.repo.expire("snapshot", utc(7))
        self.prepare(hashes)
        attack(self)
        self.repo.expire("snapshot", utc(21))
        self.repo.publish("snapshot", "timestamp")
        self.refresh(1, NOTHING_NEW + " 3.snapshot.json", versions(1, 3, 2, 4), at=utc(18))

    @cases(ATTACKS)
    def test_same_and_timestamp_key_rotated__refused(self, attack, hashes):
        """A new timestamp key does not make the old snapshot forgotten."""
        self.prepare(hashes)
        attack(self)
        self.repo.rotate("timestamp")
        self.repo.publish("root", "snapshot", "timestamp")
        self.refresh(1, "2.root.json 3.root.json timestamp.json 3.snapshot.json",
                     versions(2, 3, 2, 4))

    @cases(BOTH)
    def test_entries_rise_and_appear__accepted(self, hashes):
        self.prepare(hashes)
        self.repo.delegate("targets", "B")
        self.repo.publish("A", "B", "targets", "snapshot", "timestamp")
        self.refresh(0, trusted=versions(1, 3, 3, 5))

    def test_refused_snapshot__next_honest_one_accepted(self):
        self.prepare()
        self.lower_targets()
        self.repo.publish("snapshot", "timestamp")
        self.refresh(1, trusted=versions(1, 3, 2, 4))
        self.republish("targets", 5)
        self.repo.publish("snapshot", "timestamp")
        self.refresh(0, trusted=versions(1, 4, 4, 5))

    def test_refused_snapshot__still_refused_next_time(self):
        self.prepare()
        self.lower_targets()
        self.repo.publish("snapshot", "timestamp")
        for _ in range(2):
            self.refresh(1, NOTHING_NEW + " 3.snapshot.json", versions(1, 3, 2, 4))

    def test_rollback_in_two_steps_of_the_timestamp__still_refused(self):
        """The first refused snapshot must not have moved the baseline."""
        self.prepare()
        self.lower_targets()
        self.repo.publish("snapshot", "timestamp")
        self.refresh(1, trusted=versions(1, 3, 2, 4))
        self.repo.publish("snapshot", "timestamp")
        self.refresh(1, trusted=versions(1, 4, 2, 4))

    @cases({"lower": -1, "higher": 1})
    def test_version_inside_is_not_the_one_asked_for__refused(self, difference):
        self.repo.release()
        self.init()
        self.refresh(0)

        def edit(envelope):
            envelope["signed"]["version"] += difference
            reseal(envelope, self.repo.signers["snapshot"])
        self.repo.publish("snapshot", edit=edit)
        self.repo.publish("timestamp")
        self.refresh(1, NOTHING_NEW + " 3.snapshot.json", versions(1, 3, 2, 1))

    def test_first_snapshot_has_another_version__refused(self):
        self.init()

        def edit(envelope):
            envelope["signed"]["version"] = 2
            reseal(envelope, self.repo.signers["snapshot"])
        self.repo.publish("snapshot", bump=False, edit=edit)
        self.refresh(1, "2.root.json timestamp.json 1.snapshot.json", versions(1, 1))

    def test_repository_goes_back_behind_an_unchanged_timestamp__nobody_notices(self):
        self.repo.release()
        self.init()
        self.refresh(0)
        self.repo.files["metadata/2.snapshot.json"] = self.repo.bytes_of("snapshot", 1)
        self.refresh(0, NOTHING_NEW, versions(1, 2, 2, 1))


class Targets(RollbackCase):
    @cases({f"{role} {name}": (role, difference) for role in ("targets", "A")
            for name, difference in (("lower", -1), ("higher", 1))})
    def test_version_inside_is_not_the_one_asked_for__refused(self, role, difference):
        self.repo.delegate("targets", "A")
        self.repo.release("A", "targets")
        self.init()
        self.download("nothing", status=1, trusted=versions(1, 2, 2, 2, A=1))

        def edit(envelope):
            envelope["signed"]["version"] += difference
            reseal(envelope, self.repo.signers[role])
        self.repo.publish(role, edit=edit)
        self.repo.release()
        self.download("nothing", status=1, asked=NOTHING_NEW + " 3.snapshot.json "
                      + self.repo.file_name(role), trusted=versions(1, 3, 3, 2, A=1))

    def test_new_version_not_in_snapshot__not_asked_for(self):
        self.start()
        self.repo.publish("targets")
        self.refresh(0, NOTHING_NEW, versions(1, 1, 1, 1))

    @cases(BOTH)
    def test_only_the_snapshot_judges__100_to_1_after_its_key_was_rotated(self, hashes):
        self.list_hashes(hashes)
        self.init()
        self.republish("targets", 100)
        self.repo.release()
        self.refresh(0, trusted=versions(1, 2, 2, 100))
        self.repo.rotate("snapshot")
        self.repo.publish("root")
        self.republish("targets", 1)
        self.repo.release()
        self.refresh(0, "2.root.json 3.root.json timestamp.json 3.snapshot.json 1.targets.json",
                     versions(2, 3, 3, 1))

    def test_delegated_100_to_1_after_the_snapshot_key_was_rotated(self):
        self.repo.delegate("targets", "A")
        self.repo.add("A", "file", b"content")
        self.repo.publish("A")
        self.republish("A", 100)
        self.repo.release("targets")
        self.init()
        self.download("file", trusted=versions(1, 2, 2, 2, A=100))
        self.repo.rotate("snapshot")
        self.repo.publish("root")
        self.repo.add("A", "new", b"new content")
        self.republish("A", 1)
        self.repo.release()
        self.download("new", trusted=versions(2, 3, 3, 2, A=1), have=[b"content", b"new content"])

    def test_role_vanished_and_snapshot_key_rotated__accepted(self):
        self.repo.delegate("targets", "A")
        self.repo.release("A", "targets")
        self.init()
        self.refresh(0)
        self.repo.rotate("snapshot")
        del self.repo.snapshot["meta"]["A.json"]
        del self.repo.targets["delegations"]
        self.repo.publish("root", "targets", "snapshot", "timestamp")
        self.refresh(0, trusted=versions(2, 3, 3, 3))


class FastForward(RollbackCase):
    """Rule 3: versions signed by keys that the new root dropped are forgotten."""

    def test_timestamp_100_to_1_after_its_key_was_rotated(self):
        self.init()
        self.republish("timestamp", 100)
        self.refresh(0, trusted=versions(1, 100, 1, 1))
        self.repo.rotate("timestamp")
        self.repo.publish("root")
        self.republish("timestamp", 1)
        self.refresh(0, "2.root.json 3.root.json timestamp.json", versions(2, 1, 1, 1))

    def test_timestamp_100_to_1_and_key_only_added__refused(self):
        self.init()
        self.republish("timestamp", 100)
        self.refresh(0)
        fresh = keys.ecdsa()
        self.repo.set_keys("timestamp", [*self.repo.signers["timestamp"], fresh],
                           sign_with=[fresh])
        self.repo.publish("root")
        self.republish("timestamp", 1)
        self.refresh(1, "2.root.json 3.root.json timestamp.json", versions(2, 100, 1, 1))

    def test_timestamp_100_to_1_after_another_key_was_rotated__refused(self):
        self.init()
        self.republish("timestamp", 100)
        self.refresh(0)
        self.repo.rotate("snapshot", "targets")
        self.repo.publish("root", "targets", "snapshot")
        self.republish("timestamp", 1)
        self.refresh(1, trusted=versions(2, 100, 1, 1))

    def test_timestamp_100_to_1_after_its_threshold_rose_above_the_stored_one(self):
        self.init()
        self.republish("timestamp", 100)
        self.refresh(0)
        self.repo.set_keys("timestamp", [*self.repo.signers["timestamp"], keys.ecdsa()], 2)
        self.repo.publish("root")
        self.republish("timestamp", 1)
        self.refresh(0, trusted=versions(2, 1, 1, 1))

    @cases(BOTH)
    def test_snapshot_100_to_1_after_both_keys_were_rotated(self, hashes):
        self.list_hashes(hashes)
        self.init()
        self.republish("snapshot", 100)
        self.repo.publish("timestamp")
        self.refresh(0, trusted=versions(1, 2, 100, 1))
        self.repo.rotate("snapshot", "timestamp")
        self.repo.publish("root")
        self.republish("snapshot", 1)
        self.repo.publish("timestamp")
        self.refresh(0, "2.root.json 3.root.json timestamp.json 1.snapshot.json",
                     versions(2, 3, 1, 1))

    def test_snapshot_100_to_1_after_its_key_alone_was_rotated__refused_by_the_timestamp(self):
        self.init()
        self.republish("snapshot", 100)
        self.repo.publish("timestamp")
        self.refresh(0, trusted=versions(1, 2, 100, 1))
        self.repo.rotate("snapshot")
        self.repo.publish("root")
        self.republish("snapshot", 1)
        self.repo.publish("timestamp")
        self.refresh(1, "2.root.json 3.root.json timestamp.json", versions(2, 2, 100, 1))

    def test_rotation_seen_in_an_earlier_refresh_that_failed__still_recovers(self):
        self.init()
        self.republish("timestamp", 100)
        self.refresh(0)
        self.repo.rotate("timestamp")
        self.repo.publish("root")
        self.repo.withhold("timestamp.json")
        self.refresh(1, "2.root.json 3.root.json timestamp.json")
        self.republish("timestamp", 1)
        self.refresh(0, "3.root.json timestamp.json", versions(2, 1, 1, 1))

    def test_rotated_away_and_back_between_two_refreshes__the_old_file_counts_again(self):
        """Only the root of now judges the stored file."""
        self.init()
        self.republish("timestamp", 100)
        self.refresh(0)
        before = self.repo.signers["timestamp"]
        self.repo.rotate("timestamp")
        self.repo.publish("root")
        self.repo.set_keys("timestamp", before)
        self.repo.publish("root")
        self.republish("timestamp", 1)
        self.refresh(1, "2.root.json 3.root.json 4.root.json timestamp.json",
                     versions(3, 100, 1, 1))
