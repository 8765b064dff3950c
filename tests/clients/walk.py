"""The walkthrough of docs/api.md with the Python client."""

import os

from invitations_client import AuthenticatedClient, Retry, connect, pages
from invitations_client.api.invitations import create_invitation, describe_invitation, list_invitations, modify_invitation
from invitations_client.api.invitees import lookup_invitation
from invitations_client.models import (
    Error,
    Invitation,
    InvitationChange,
    InvitationChangeState,
    NewInvitation,
    State,
    Token,
)
from invitations_client.types import Response

EMAIL = "python@example.com"
api = connect(os.environ["API_URL"], os.environ["API_KEY"])
patient = connect(os.environ["API_URL"], os.environ["API_KEY"], retry=Retry(cooldown=True))


def ok(response: Response, status: int, kind: type):
    """The value of a success."""
    assert response.status_code == status and isinstance(response.parsed, kind), response
    return response.parsed


def failed(response: Response, status: int, code: str) -> Error:
    error = ok(response, status, Error)
    assert error.code == code and error.request_id, error
    return error


def create(email: str, role: str, key: str) -> Response:
    return create_invitation.sync_detailed(client=api, body=NewInvitation(email=email, role_id=role), idempotency_key=key)


def modify(invitation: Invitation, client: AuthenticatedClient = api, **options) -> Response:
    return modify_invitation.sync_detailed(invitation.id, client=client, **options)


created = ok(create(EMAIL, "read-only", "python-1"), 201, Invitation)
assert created.email == EMAIL and created.state == State.INVITED, created
assert ok(create(EMAIL, "read-only", "python-1"), 201, Invitation).id == created.id

again = failed(create(EMAIL, "read-only", "python-2"), 400, "already-invited")
assert created.id in again.fields["email"], again
invalid = failed(create("user.one", "Full Access", "python-3"), 400, "invalid-email")
assert invalid.field == "email" and {"email", "roleID"} <= set(invalid.fields.additional_keys), invalid

walk = pages(list_invitations.sync_detailed, client=api, limit=1, state=State.INVITED)
found = [invitation.id for page in walk for invitation in page.invitations]
assert found.count(created.id) == 1, found
assert ok(describe_invitation.sync_detailed(created.id, client=api), 200, Invitation).id == created.id

too_soon = modify(created)
assert not failed(too_soon, 429, "resend-cooldown").fields.additional_keys, too_soon
resent = ok(modify(created, patient), 200, Invitation)  # waits for Retry-After
assert resent.last_sent > created.last_sent, resent
changed = ok(modify(created, body=InvitationChange(role_id="read-only")), 200, Invitation)
assert changed.role_id == "read-only" and changed.last_sent == resent.last_sent, changed
revoked = ok(modify(created, body=InvitationChange(state=InvitationChangeState.REVOKED)), 200, Invitation)
assert revoked.state == State.REVOKED and revoked.revoked_at, revoked

failed(lookup_invitation.sync_detailed(client=api, body=Token(token="i1.unknown")), 404, "not-found")
