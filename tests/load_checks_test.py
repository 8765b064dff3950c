#!/usr/bin/env python3
"""The checks after the load find what they are there to find: each is given a book and a world that differ in one thing.

python3 tests/load_checks_test.py
"""

import unittest
from types import SimpleNamespace
from unittest.mock import patch

import load_checks
from load_callers import Book, Invitation, Post

ACCOUNT, ID = "012345678912", "A" * 32
AT = "2026-01-01T00:{:02}:{:02}.000Z"


def event(number: int, kind: str, at: int = 0) -> dict:
    return {"id": f"{ID}-{number}", "sequence": number, "type": kind, "time": AT.format(at // 60, at % 60), "invitation": {"id": ID}}


class World:
    """One invitation that was created and resent, with all that follows from it."""

    def __init__(self):
        self.book, self.post = Book(), Post(0)
        self.one = Invitation(ACCOUNT, "a@example.com", ID, "key", "", sends=2)
        self.book.invitations[ID] = self.one
        self.listed = [{"id": ID, "email": "a@example.com", "state": "invited"}]
        self.mail(2)
        for number, kind in enumerate(("created", "resent"), 1):
            self.post._event({"detail": event(number, kind)}, self.book)

    def mail(self, sending: int, at: int = 0, to: str = "a@example.com", token: str = "i1.x") -> None:
        tags = {"account": ACCOUNT, "invitation": ID, "sending": str(sending)}
        self.post._mail(
            {"tags": tags, "text": f"http://127.0.0.1/accept#{token}", "time": AT.format(at // 60, at % 60), "to": [to]}, self.book
        )

    def wrong(self) -> str:
        """What is found, as one text."""
        left = {ID: lacking} if (lacking := load_checks.lacking(self.one, self.post)) else {}
        load_checks.check_lists(self.book, {ACCOUNT: SimpleNamespace(everything=lambda: self.listed)})
        load_checks.check_mails(self.book, self.post)
        load_checks.check_events(self.book, self.post, left)
        return " ".join([*left.values(), *self.book.violations])


class Checks(unittest.TestCase):
    def setUp(self) -> None:
        self.world = World()

    def found(self, sentence: str) -> None:
        self.assertIn(sentence, self.world.wrong())

    def test_a_world_as_it_should_be_is_found_so(self):
        self.assertEqual(self.world.wrong(), "")

    def test_an_invitation_that_is_lost(self):
        self.world.listed = []
        self.found("that was told does not exist")

    def test_an_invitation_that_nobody_was_told_of(self):
        self.world.listed.append({"id": "B" * 32, "email": "b@example.com", "state": "revoked"})
        self.found("exists that nobody was told of")

    def test_a_lost_revocation(self):
        self.world.one.state = "revoked"
        self.found("in another state than was told last")
        self.found("no event of {'revoked': 1}")

    def test_two_open_invitations_of_one_address(self):
        self.world.listed.append({"id": "B" * 32, "email": "a@example.com", "state": "invited"})
        self.found("has 2 open invitations")

    def test_a_refusal_that_names_nobody(self):
        self.world.book.taken.append((ACCOUNT, "a@example.com", "C" * 32))
        self.found("a 400 named an invitation")

    def test_a_mail_that_never_came(self):
        self.world.post.mails.clear()
        self.found("no mail of sending 2")

    def test_a_doubled_resend(self):
        self.world.mail(3)
        self.found("a mail for a sending that nobody asked for")

    def test_a_doubled_mail(self):
        self.world.mail(2, at=100)
        self.found("mailed twice within 100.0 s")

    def test_a_mail_that_is_sent_again_because_its_reply_was_lost(self):
        self.world.mail(2, at=200)
        self.assertEqual(self.world.wrong(), "")
        self.assertEqual(load_checks.check_mails(self.world.book, self.world.post), (1, 1))

    def test_a_mail_to_somebody_else_or_with_another_link(self):
        self.world.mail(2, at=200, to="b@example.com", token="i1.y")
        self.found("went to another address")
        self.found("have different links")

    def test_an_event_too_many(self):
        self.world.post._event({"detail": event(3, "resent")}, self.world.book)
        self.found("more than was done: {'resent': 1}")

    def test_a_gap_in_the_events(self):
        self.world.post._event({"detail": event(4, "delivered")}, self.world.book)
        self.found("not numbered without gaps")

    def test_an_event_that_tells_two_things(self):
        self.world.post._event({"detail": event(2, "accepted")}, self.world.book)
        self.found("tells two things")

    def due(self, item: dict | None, comes: bool) -> tuple[dict, bool]:
        """What is left of a resend that has this row and whose mail and event come while the row is read, or not; and whether that is wrong."""
        world = World()
        world.one.sends, left = 3, {ID: "no mail"}

        def fetch(book: Book) -> None:
            if comes:
                world.mail(3, 1)
                world.post._event({"detail": event(3, "resent", 1)}, book)

        with patch.object(load_checks, "row", return_value=item), patch.object(world.post, "fetch", fetch):
            left = load_checks.check_due(world.book, world.post, left, 0)
        return left, bool(world.book.violations)

    def test_what_is_not_done_and_not_due(self):
        for item, wrong in ((None, True), ({}, True), ({"due_at": {"N": "9999999999999"}}, True), ({"due_at": {"N": "1"}}, False)):
            self.assertEqual(self.due(item, comes=False), ({ID: "no mail of sending 3"}, wrong), item)

    def test_what_is_done_while_it_is_looked_at(self):
        self.assertEqual(self.due({"due_at": {"N": "9999999999999"}}, comes=True), ({}, False))

    def test_recovery_is_counted_from_the_first_request_after_the_kill_to_the_first_success_of_those(self):
        asked = {"create": [0.5, 1.25, 2.0, 2.5], "list": []}
        successes = {"create": [(0.5, 1.5), (2.0, 5.0), (2.5, 3.0)], "list": []}
        self.assertEqual(load_checks.recoveries([(1.0, ["create", "list"])], asked, successes), ([1.75], 1))


if __name__ == "__main__":
    unittest.main()
