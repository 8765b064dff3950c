#!/usr/bin/env python3
"""The checks after the load notice every defect: each test changes one thing in consistent records.

python3 tests/load_checks_test.py
"""

import unittest
from types import SimpleNamespace
from unittest.mock import patch

import load_checks
from load_callers import Inbox, Invitation, Records

ACCOUNT, ID = "012345678912", "A" * 32
AT = "2026-01-01T00:{:02}:{:02}.000Z"


def event(number: int, kind: str, at: int = 0) -> dict:
    return {"id": f"{ID}-{number}", "sequence": number, "type": kind, "time": AT.format(at // 60, at % 60), "invitation": {"id": ID}}


class Fixture:
    """One invitation, created and resent, with its records, emails and events."""

    def __init__(self):
        self.records, self.inbox = Records(), Inbox(0)
        self.one = Invitation(ACCOUNT, "a@example.com", ID, "key", "", sends=2)
        self.records.invitations[ID] = self.one
        self.listed = [{"id": ID, "email": "a@example.com", "state": "invited"}]
        self.email(2)
        for number, kind in enumerate(("created", "resent"), 1):
            self.inbox._event({"detail": event(number, kind)}, self.records)

    def email(self, sending: int, at: int = 0, to: str = "a@example.com", token: str = "i1.x") -> None:
        tags = {"account": ACCOUNT, "invitation": ID, "sending": str(sending)}
        self.inbox._email(
            {"tags": tags, "text": f"http://127.0.0.1/accept#{token}", "time": AT.format(at // 60, at % 60), "to": [to]}, self.records
        )

    def wrong(self) -> str:
        """All violations, as one text."""
        left = {ID: missing} if (missing := load_checks.missing(self.one, self.inbox)) else {}
        load_checks.check_lists(self.records, {ACCOUNT: SimpleNamespace(everything=lambda: self.listed)})
        load_checks.check_emails(self.records, self.inbox)
        load_checks.check_events(self.records, self.inbox, left)
        return " ".join([*left.values(), *self.records.violations])


class Checks(unittest.TestCase):
    def setUp(self) -> None:
        self.fixture = Fixture()

    def found(self, sentence: str) -> None:
        self.assertIn(sentence, self.fixture.wrong())

    def test_consistent_records_have_no_violation(self):
        self.assertEqual(self.fixture.wrong(), "")

    def test_an_invitation_that_is_lost(self):
        self.fixture.listed = []
        self.found("created invitation does not exist")

    def test_an_invitation_that_no_response_mentioned(self):
        self.fixture.listed.append({"id": "B" * 32, "email": "b@example.com", "state": "revoked"})
        self.found("exists that no response mentioned")

    def test_a_lost_revocation(self):
        self.fixture.one.state = "revoked"
        self.found("in another state than in the last response")
        self.found("no event of {'revoked': 1}")

    def test_two_open_invitations_of_one_address(self):
        self.fixture.listed.append({"id": "B" * 32, "email": "a@example.com", "state": "invited"})
        self.found("has 2 open invitations")

    def test_a_rejection_that_names_no_invitation(self):
        self.fixture.records.taken.append((ACCOUNT, "a@example.com", "C" * 32))
        self.found("a 400 named an invitation")

    def test_a_missing_email(self):
        self.fixture.inbox.emails.clear()
        self.found("no email of sending 2")

    def test_a_duplicate_resend(self):
        self.fixture.email(3)
        self.found("an email for a sending that was not requested")

    def test_a_duplicate_email(self):
        self.fixture.email(2, at=100)
        self.found("emailed twice within 100.0 s")

    def test_a_second_copy_after_a_lost_reply_is_allowed(self):
        self.fixture.email(2, at=200)
        self.assertEqual(self.fixture.wrong(), "")
        self.assertEqual(load_checks.check_emails(self.fixture.records, self.fixture.inbox), (1, 1))

    def test_an_email_to_another_address_or_with_another_link(self):
        self.fixture.email(2, at=200, to="b@example.com", token="i1.y")
        self.found("went to another address")
        self.found("have different links")

    def test_a_surplus_event(self):
        self.fixture.inbox._event({"detail": event(3, "resent")}, self.fixture.records)
        self.found("more events than effects: {'resent': 1}")

    def test_a_gap_in_the_events(self):
        self.fixture.inbox._event({"detail": event(4, "delivered")}, self.fixture.records)
        self.found("not numbered without gaps")

    def test_two_events_with_one_number(self):
        self.fixture.inbox._event({"detail": event(2, "accepted")}, self.fixture.records)
        self.found("two different events have one sequence number")

    def due(self, item: dict | None, arrives: bool) -> tuple[dict, bool]:
        """A resend with this row, whose email and event may arrive while it is read: what is left, and whether it is a violation."""
        fixture = Fixture()
        fixture.one.sends, left = 3, {ID: "no email"}

        def fetch(records: Records) -> None:
            if arrives:
                fixture.email(3, 1)
                fixture.inbox._event({"detail": event(3, "resent", 1)}, records)

        with patch.object(load_checks, "row", return_value=item), patch.object(fixture.inbox, "fetch", fetch):
            left = load_checks.check_due(fixture.records, fixture.inbox, left, 0)
        return left, bool(fixture.records.violations)

    def test_a_missing_delivery_must_be_due(self):
        late, early = {"due_at": {"N": "9999999999999"}}, {"due_at": {"N": "1"}}
        for item, wrong in ((None, True), ({}, True), (late, True), (early, False), (late | {"late_at": {"N": "1"}}, False)):
            self.assertEqual(self.due(item, arrives=False), ({ID: "no email of sending 3"}, wrong), item)

    def test_a_delivery_during_the_check_counts(self):
        self.assertEqual(self.due({"due_at": {"N": "9999999999999"}}, arrives=True), ({}, False))

    def test_recovery_lasts_from_the_first_request_after_the_kill_to_the_first_success(self):
        asked = {"create": [0.5, 1.25, 2.0, 2.5], "list": []}
        successes = {"create": [(0.5, 1.5), (2.0, 5.0), (2.5, 3.0)], "list": []}
        self.assertEqual(load_checks.recoveries([(1.0, ["create", "list"])], asked, successes), ([1.75], 1))


if __name__ == "__main__":
    unittest.main()
