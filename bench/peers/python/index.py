"""GET /invitations/{id} with boto3's client, used as in its examples."""

import base64
import hashlib
import hmac
import json
import logging
import os
import re
import time
from datetime import datetime, timezone

import boto3

TABLE_NAME = os.environ["TABLE_NAME"]
REGION = os.environ["AWS_REGION"]
URN = f"urn:{os.environ.get('URN_NAMESPACE', 'cloudone')}:identity:{os.environ.get('URN_REGION', REGION)}"
INTERNAL = "Something has gone terribly wrong. Sorry! Tell us the requestId and we will find out why."
DEFAULT_ROLES = {
    "full-access": {"can": ["invitations:read", "invitations:create", "invitations:modify"]},
    "read-only": {"can": ["invitations:read"]},
}
ROLES = json.loads(os.environ["ROLES"]) if "ROLES" in os.environ else DEFAULT_ROLES
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
API_KEY = re.compile(r"(ik_live_([0-9]{12})_([0-9A-Za-z]{12})_([0-9A-Za-z]{43}))_([0-9A-Za-z]{6})")
REMEMBERED, ABSENCE_REMEMBERED, REMEMBERED_AT_MOST = 30_000, 5_000, 1000

dynamodb = boto3.client("dynamodb", region_name=REGION)
logger = logging.getLogger()
logger.setLevel("INFO")
remembered = {}


class HttpError(Exception):
    def __init__(self, status, code, message, field=None):
        super().__init__(message)
        self.status, self.code, self.message, self.field = status, code, message, field


def unauthorized(why):
    return HttpError(401, "unauthorized", f"Unauthorized: {why}")


def checksum(text):
    return "".join(BASE62[byte % 62] for byte in hashlib.sha256(text.encode()).digest()[:6])


def now_millis():
    return time.time_ns() // 1_000_000


def rfc3339(number):
    return datetime.fromtimestamp(int(number["N"]) // 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(pk, sk):
    response = dynamodb.get_item(TableName=TABLE_NAME, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True)
    return response.get("Item")


def find_key(account, key_id, now):
    record, at = remembered.get((account, key_id), (None, 0))
    if now - at < (REMEMBERED if record else ABSENCE_REMEMBERED):
        return record
    record = read(f"KEYS#{account}", key_id)
    if len(remembered) >= REMEMBERED_AT_MOST:
        remembered.clear()
    remembered[account, key_id] = (record, now)
    return record


def authorize(header, permission, log):
    if not header:
        raise unauthorized("send the header 'Authorization: ApiKey <key>'")
    scheme, _, key = header.strip().partition(" ")
    if scheme.lower() != "apikey":
        raise unauthorized("the header must read 'Authorization: ApiKey <key>'")
    match = API_KEY.fullmatch(key.strip())
    if not match or match[5] != checksum(match[1]):
        raise unauthorized("the API key is incomplete or mistyped")

    account, key_id, secret = match[2], match[3], match[4]
    now = now_millis()
    record = find_key(account, key_id, now)
    alive = record and record["enabled"]["BOOL"] and ("exp" not in record or now < int(record["exp"]["N"]))
    digest = hashlib.sha256(secret.encode()).digest()
    if not alive or not hmac.compare_digest(base64.urlsafe_b64decode(record["hash"]["S"] + "="), digest):
        raise unauthorized("the API key is unknown, disabled or expired")
    log.update(account=account, caller=f"{URN}:{account}:apikey/{key_id}")
    role = record["role"]["S"]
    if permission not in ROLES.get(role, {"can": []})["can"]:
        needs = f"It requires the permission {permission}, which the role '{role}' does not have."
        raise HttpError(403, "forbidden", f"You tried to do something that you're not allowed to do. {needs}")
    return account


def describe(event, log):
    account = authorize(event.get("headers", {}).get("authorization"), "invitations:read", log)
    given = (event.get("pathParameters") or {}).get("id", "")
    invitation = given.upper()
    if not re.fullmatch("[0-9A-F]{32}", invitation):
        raise HttpError(400, "invalid-id", f"id: '{given}' is not an invitation id: it must have exactly 32 hex digits", "id")
    item = read(f"A#{account}", f"I#{invitation}")
    if item is None:
        raise HttpError(404, "not-found", "The resource you were looking for doesn't exist.")
    stored = item["st"]["S"]
    open_state = "invited" if int(item["exp"]["N"]) > now_millis() else "expired"
    body = {
        "id": invitation,
        "email": item["email"]["S"],
        "roleID": item["role"]["S"],
        "state": open_state if stored == "pending" else stored,
        "created": rfc3339(item["created"]),
        "lastModified": rfc3339(item["modified"]),
        "expiry": rfc3339(item["exp"]),
        "lastSent": rfc3339(item["sent"]),
        "urn": f"{URN}:{account}:invitation/{invitation}",
        "invitedBy": item["by"]["S"],
    }
    if stored != "pending":
        body[f"{stored}At"] = rfc3339(item["closed"])
    if "accepted_by" in item:
        body["acceptedBy"] = item["accepted_by"]["S"]
    if "delivery" in item:
        state, time, *reason = item["delivery"]["S"].split("#")
        body["delivery"] = {"state": state, "time": rfc3339({"N": time})}
        if reason:
            body["delivery"]["reason"] = reason[0]
    return body


def handler(event, context):
    started = time.perf_counter_ns()
    request_id = event.get("requestContext", {}).get("requestId") or context.aws_request_id
    log = {"route": "GET /invitations/{id}", "request_id": request_id}
    headers = {"content-type": "application/json", "x-request-id": request_id, "cache-control": "no-store"}
    status = 200
    try:
        body = describe(event, log)
    except HttpError as error:
        status, log["code"] = error.status, error.code
        body = {"code": error.code, "message": error.message, "field": error.field, "requestId": request_id}
        body = {name: value for name, value in body.items() if value is not None}
        if status == 401:
            headers["www-authenticate"] = 'ApiKey realm="invitations"'
    except Exception:
        logger.exception("failed", extra=log)
        status, log["code"] = 500, "internal-error"
        body = {"code": "internal-error", "message": INTERNAL, "requestId": request_id}
    log.update(status=status, micros=(time.perf_counter_ns() - started) // 1000)
    logger.info("finished", extra=log)
    return {"statusCode": status, "headers": headers, "body": json.dumps(body, separators=(",", ":"), ensure_ascii=False)}
