"""From signing in to "accepted": an administrator invites a person, who signs in, finds the invitation and accepts it.

Tokens of any issuer must make this walk: end_to_end.py makes it with those of the development issuer, oidc_provider.py with those of
a certified provider. The accounts and roles are those of `make run`.
"""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from caller import Caller, Inbox, Response, check, rejected, step, until
from service import Service

ACCOUNT = "012345678912"


class Person(NamedTuple):
    """A person as the issuer knows them. Invitees have no account and no role."""

    sub: str
    email: str
    name: str
    role: str | None = None
    account: str | None = None

    def urn(self, issuer: str) -> str:
        """The person in the account; `issuer` is its name in the configuration."""
        return f"urn:cloudone:identity:us-east-1:{ACCOUNT}:user/{issuer}:{quote(self.sub, safe='')}"


# Subjects such as those of Auth0, with a character that a URN cannot contain.
ADMIN = Person("test|jane", "jane.doe@example.com", "Jane Doe", "admin", ACCOUNT)
INVITEE = Person("test|nora", "nora.new@example.com", "Nora New")
OTHER = "someone.else@example.com"


def walk(service: Service, issuer: str, token: Callable[[Person], str]) -> None:
    """Makes the walk with the tokens of the issuer of this name."""
    step("a signed-in administrator invites a person, by name")
    inbox = Inbox(service.inbox_port)
    admin = Caller(service.port, token=token(ADMIN))
    invited, others = admin.create(INVITEE.email), admin.create(OTHER)
    for invitation in invited, others:
        check(invitation["invitedBy"] == ADMIN.urn(issuer), "The administrator must be the inviter.", invitation)
    email = until(lambda: inbox.email_of(invited), "The email must arrive.")
    check(email["to"] == [INVITEE.email] and ADMIN.name in email["text"], "It must name the inviter.", email)

    step("the invitee, who has no account, signs in, finds the invitation and accepts it; nobody else can")
    invitee = Caller(service.port, token=token(INVITEE))
    rejected(invitee.call("GET", "/invitations"), 403, "forbidden")
    # The list is eventually consistent.
    found = until(lambda: mine(invitee), "The invitation must be listed.")
    check([one["id"] for one in found] == [invited["id"]], "The list must contain only this invitation.", found)
    check((found[0]["account"], found[0]["invitedBy"]) == (ACCOUNT, ADMIN.name), "It must say who invites, and to what.", found)
    rejected(accept(invitee, others), 403, "wrong-invitee")
    rejected(accept(admin, invited), 403, "wrong-invitee")
    accepted = accept(invitee, found[0])
    check(accepted.status == 200 and accepted.json["state"] == "accepted", "The invitee must be able to accept.", accepted)
    check(mine(invitee) == [], "An accepted invitation must not be listed.", mine(invitee))

    step("the account and its events learn who has accepted")
    described = admin.call("GET", f"/invitations/{invited['id']}").json
    expected = "accepted", INVITEE.urn(issuer)
    check((described["state"], described.get("acceptedBy")) == expected, f"It must be {expected}.", described)
    event = until(lambda: accepted_event(inbox, invited), "The event must be published.")
    check(event["invitation"].get("acceptedBy") == INVITEE.urn(issuer), "The event must say who has accepted.", event)
    check(INVITEE.email not in str(event), "It must not contain the address.", event)
    other = admin.call("GET", f"/invitations/{others['id']}").json
    check(other["state"] == "invited" and "acceptedBy" not in other, "The other invitation must be open.", other)
    revoked = admin.call("POST", f"/invitations/{others['id']}", {"state": "revoked"})
    check(revoked.status == 200, "The administrator must be able to revoke.", revoked)


def mine(invitee: Caller) -> list[dict]:
    response = invitee.call("GET", "/invitations/mine")
    check(response.status == 200, "One's own invitations must be a 200.", response)
    return response.json["invitations"]


def accept(invitee: Caller, invitation: dict) -> Response:
    return invitee.call("POST", "/invitations/accept", {"id": invitation["id"], "account": ACCOUNT})


def accepted_event(inbox: Inbox, invitation: dict) -> dict | None:
    events = inbox.events_of(invitation)
    return next((event["detail"] for event in events if event["detail-type"] == "Invitation Accepted"), None)
