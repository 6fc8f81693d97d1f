# Rule 5 and contract section 7: time.
# SPDX-License-Identifier: MIT
from datetime import datetime, timedelta, timezone

from tufsim.case import NOTHING_NEW, TOP_REQUESTS, TufCase, cases, needs_faketime, versions
from tufsim.client import past
from tufsim.repository import TOP, utc

ORDER = ("timestamp", "snapshot", "targets")


class Fetched(TufCase):
    @cases({role: (role, i) for i, role in enumerate(ORDER)})
    def test_first_one_expired__refused_and_not_stored(self, role, position):
        self.repo.expire(role, utc(-5))
        self.repo.publish("targets", "snapshot", "timestamp", bump=False)
        self.init()
        self.refresh(1, TOP_REQUESTS.split()[:2 + position],
                     {r: 1 for r in ("root", *ORDER[:position])})

    @cases({role: (role, i) for i, role in enumerate(ORDER)})
    def test_new_one_expired__refused_and_old_one_stays(self, role, position):
        self.start()
        self.repo.expire(role, utc(-5))
        self.repo.publish("targets", "snapshot", "timestamp")
        trusted = {"root": 1, **{r: 2 for r in ORDER[:position]},
                   **{r: 1 for r in ORDER[position:]}}
        self.refresh(1, trusted=trusted)
        self.repo.expire(role, utc(5))
        self.repo.publish("targets", "snapshot", "timestamp")
        self.refresh(0, trusted=versions(1, 3, 3, 3))

    @cases(TOP)
    def test_expired_long_ago__refused(self, role):
        self.start()
        self.repo.expire(role, past(1970, 1, 2))
        self.repo.publish("root", "targets", "snapshot", "timestamp")
        self.refresh(1)

    def test_delegated_expired__refused_and_not_stored(self):
        self.repo.delegate("targets", "A")
        self.repo.delegate("targets", "B")
        self.repo.add("A", "file", b"content")
        self.repo.add("B", "file", b"content")
        self.repo.expire("A", utc(-1))
        self.repo.release("A", "B", "targets")
        self.init()
        self.refresh(0)
        self.download("file", status=1, asked="+ 1.A.json", trusted=versions(1, 2, 2, 2), have=[])

    def test_delegated_expired_but_not_needed__no_matter(self):
        self.repo.delegate("targets", "A", ["*.a"])
        self.repo.delegate("targets", "B", ["*.b"])
        self.repo.add("B", "file.b", b"content")
        self.repo.expire("A", utc(-1))
        self.repo.release("A", "B", "targets")
        self.init()
        self.download("file.b", have=[b"content"], trusted=versions(1, 2, 2, 2, B=1))


class Stored(TufCase):
    """Stored files that have expired since: a baseline, but nothing to rely on."""

    @cases({"timestamp": ("timestamp", NOTHING_NEW), "snapshot": ("snapshot", None),
            "targets": ("targets", None)})
    @needs_faketime
    def test_expired_and_none_newer__refused(self, role, asked):
        self.repo.expire(role, utc(7))
        self.repo.publish("targets", "snapshot", "timestamp", bump=False)
        self.start()
        self.refresh(1, asked, versions(1, 1, 1, 1), at=utc(18))
        self.refresh(0, NOTHING_NEW, versions(1, 1, 1, 1))

    @cases(ORDER)
    @needs_faketime
    def test_expired_and_a_newer_one_served__updated(self, role):
        self.repo.expire(role, utc(7))
        self.repo.publish("targets", "snapshot", "timestamp", bump=False)
        self.start()
        self.repo.expire(role, utc(21))
        self.repo.publish("targets", "snapshot", "timestamp")
        self.refresh(0, trusted=versions(1, 2, 2, 2), at=utc(18))

    @needs_faketime
    def test_all_but_root_expired_and_newer_ones_served__updated(self):
        for role in ORDER:
            self.repo.expire(role, utc(7))
        self.repo.publish("targets", "snapshot", "timestamp", bump=False)
        self.start()
        for role in ORDER:
            self.repo.expire(role, utc(21))
        self.repo.publish("targets", "snapshot", "timestamp")
        self.refresh(0, "2.root.json timestamp.json 2.snapshot.json 2.targets.json",
                     versions(1, 2, 2, 2), at=utc(18))

    @needs_faketime
    def test_root_expired_since__refused_until_a_newer_one_comes(self):
        self.repo.expire("root", utc(7))
        self.repo.publish("root", bump=False)
        self.start()
        self.refresh(1, "2.root.json", versions(1, 1, 1, 1), at=utc(18))
        self.repo.expire("root", utc(28))
        self.repo.publish("root")
        self.refresh(0, "2.root.json 3.root.json timestamp.json", versions(2, 1, 1, 1),
                     at=utc(18))

    def delegated(self, days):
        self.repo.delegate("targets", "A")
        self.repo.add("A", "first", b"first content")
        self.repo.add("A", "second", b"second content")
        self.repo.expire("A", utc(days))
        self.repo.release("A", "targets")
        self.init()
        self.download("first", have=[b"first content"])

    @needs_faketime
    def test_delegated_expired_since_and_none_newer__not_used(self):
        self.delegated(7)
        self.download("second", status=1, at=utc(18), have=[b"first content"],
                      trusted=versions(1, 2, 2, 2, A=1))

    @needs_faketime
    def test_delegated_expired_since_and_a_newer_one_served__updated(self):
        self.delegated(7)
        self.repo.expire("A", utc(21))
        self.repo.release("A")
        self.download("second", at=utc(18), trusted=versions(1, 3, 3, 2, A=2),
                      have=[b"first content", b"second content"])

    @needs_faketime
    def test_delegated_not_expired_yet__used_from_disk(self):
        self.delegated(20)
        self.download("second", at=utc(18), asked=[*NOTHING_NEW.split(),
                                                   self.artifact("second", "A")])


class Clock(TufCase):
    @cases({f"{role} {name}": (role, name, seconds, status) for role in TOP
            for name, seconds, status in (("a minute before", -60, 0), ("at the second", 0, 1),
                                          ("a second after", 1, 1))})
    @needs_faketime
    def test_around_the_expiry(self, role, name, seconds, status):
        moment = utc(10)
        self.repo.expire(role, moment)
        self.repo.publish("root", "targets", "snapshot", "timestamp", bump=False)
        self.init()
        self.refresh(status, at=moment + timedelta(seconds=seconds))

    @needs_faketime
    def test_clock_with_a_fraction_of_a_second__understood(self):
        moment = utc(10)
        self.repo.expire("timestamp", moment)
        self.repo.publish("timestamp", bump=False)
        self.init()
        self.refresh(0, at=moment - timedelta(seconds=20, microseconds=250000))

    @cases({"before this program was built": (2025, 2, 9), "far ahead": (2035, 6, 1),
            "leap day": (2028, 2, 29)})
    @needs_faketime
    def test_refresh_and_download_at_another_time_than_init(self, year, month, day):
        moment = past(year, month, day)
        for role in TOP:
            self.repo.expire(role, moment + timedelta(days=2))
        self.repo.add("targets", "file", b"content")
        self.repo.publish("root", "targets", "snapshot", "timestamp", bump=False)
        self.init()
        self.refresh(0, TOP_REQUESTS, versions(1, 1, 1, 1), at=moment)
        self.download("file", at=moment, asked=[*NOTHING_NEW.split(), self.artifact("file")],
                      have=[b"content"])
        self.download("file", at=moment, asked=NOTHING_NEW)
        self.refresh(1, "2.root.json", at=moment + timedelta(days=3))

    @needs_faketime
    def test_clock_goes_back_between_two_calls__no_matter(self):
        self.init()
        self.refresh(0, at=utc(5))
        self.refresh(0, at=past(2025, 2, 9))
        self.repo.release("targets")
        self.refresh(0, trusted=versions(1, 2, 2, 2), at=past(2025, 2, 9))
        self.refresh(0)

    def test_expires_in_an_hour__accepted(self):
        for role in TOP:
            self.repo.expire(role, datetime.now(timezone.utc) + timedelta(hours=1))
        self.repo.publish("root", "targets", "snapshot", "timestamp", bump=False)
        self.start()
