"""Rules for schemathesis that openapi.yaml cannot express.

Every check runs. A failure is dropped only if the response follows the contract for a reason that no request schema expresses: the
state of an invitation, the time, or a cursor that was never issued.
"""

import json
from datetime import datetime, timedelta, timezone

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData, UnsupportedMethodResponse

# Rejections of valid requests that depend on earlier requests.
CONFLICTS = {
    "already-invited",
    "already-revoked",
    "already-accepted",
    "already-declined",
    "max-sends",
    "max-changes",
    "role-changed",
    # By default an account lists no origins.
    "redirect-not-allowed",
    "email-refused",
    "expired",
    "idempotency-key-reused",
    "changed",
}
SHORTEST, LONGEST = timedelta(hours=1), timedelta(days=30)
MARGIN = timedelta(minutes=15)  # more than a run takes


def now() -> datetime:
    return datetime.now(timezone.utc)


# The only time in a request is an expiry, and only some are possible.
schemathesis.openapi.format(
    "date-time",
    st.integers(int((SHORTEST + MARGIN).total_seconds()), int((LONGEST - MARGIN).total_seconds())).map(
        lambda ahead: (now() + timedelta(seconds=ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")
    ),
)


# The only address in a request is a redirect.
schemathesis.openapi.format("uri", st.sampled_from(["https://app.example.com/", "https://app.example.com/welcome?team=7"]))


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """The document allows responses to gain properties and values. The service must send only those that the document has."""
    close(raw_schema)


def close(part) -> None:
    if isinstance(part, list):
        for item in part:
            close(item)
    elif isinstance(part, dict):
        if part.get("type") == "object" and "properties" in part:
            part.setdefault("additionalProperties", False)
        if "x-extensible-enum" in part:
            part["enum"] = part.pop("x-extensible-enum")
        for value in part.values():
            close(value)


# The cursors that the service has issued during this run.
issued = set()


@schemathesis.hook
def after_call(context, case, response):
    body = parsed(response)
    if "next" in body:
        issued.add(body["next"])


@schemathesis.hook
def map_case(context, case):
    """No valid request invents a cursor."""
    if case.meta and case.meta.generation.mode.is_positive:
        for name in ("cursor", "next"):
            if name in case.query and case.query[name] not in issued:
                del case.query[name]
    return case


@schemathesis.hook
def filter_failure(context, failure, case, response) -> bool:
    """Whether the failure counts."""
    if isinstance(failure, RejectedPositiveData) and response.status_code in (400, 412):
        return not is_foreseen(code_of(response), case)
    if isinstance(failure, UnsupportedMethodResponse) and response.status_code == 404:
        # The gateway responds to an undeclared method itself, locally as on AWS.
        return code_of(response) is not None
    if isinstance(failure, AcceptedNegativeData) and case.path == "/invitations/bulk":
        # An invalid element is an error of its own, and does not refuse the request.
        return not any(result["status"] == 400 for result in parsed(response)["results"])
    return True


def is_foreseen(code, case) -> bool:
    if {"cursor", "next"} <= case.query.keys():
        return True
    if code == "invalid-cursor":
        return bool({"cursor", "next"} & case.query.keys())
    if code == "invalid-expiry":
        return not is_possible(case.body["expiry"])
    if code == "invalid-force":
        # It belongs to a resend, which has no body.
        return case.query.get("force") == "true" and isinstance(case.body, dict)
    if code == "invalid-send":
        # It belongs to a resend, too, which cannot be forced at the same time.
        return case.query.get("send") == "false" and (isinstance(case.body, dict) or case.query.get("force") == "true")
    if code == "invalid-metadata":
        return size_of(case.body.get("metadata"), case.body.get("redirect", "")) > 256
    if code == "invalid-idempotency-key":
        # A dry run takes none.
        return case.query.get("dryRun") == "true"
    if code in ("invalid-if-match", "invalid-if-none-match"):
        # schemathesis generates these headers by itself, and among the valid values is a 0 that does not match the pattern.
        return case.headers[code.removeprefix("invalid-")] == "0"
    if code == "missing-field":
        # With an API key, the token and the principal are required. No schema can make a body depend on a credential.
        of_others = case.path in ("/invitations/accept", "/invitations/decline") and isinstance(case.body, dict)
        return of_others and set(case.body) - {"roleID"} in ({"token"}, {"id", "account"})
    return code in CONFLICTS


def size_of(metadata: object, redirect: str) -> int:
    """The size that metadata and redirect have together; at least, since names and values can need escapes."""
    text = json.dumps(metadata, ensure_ascii=False, separators=(",", ":")) if metadata else ""
    return len(text.encode()) + len(redirect.encode())


def is_possible(expiry: str) -> bool:
    """Whether an RFC 3339 time is clearly within the allowed lifetime."""
    try:
        ahead = datetime.fromisoformat(expiry.upper().replace("Z", "+00:00")) - now()
    except (ValueError, OverflowError):  # a year or a leap second that Python does not support
        return False
    return SHORTEST + MARGIN < ahead < LONGEST - MARGIN


def code_of(response):
    """The code of one of our own errors."""
    return parsed(response).get("code")


def parsed(response) -> dict:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
