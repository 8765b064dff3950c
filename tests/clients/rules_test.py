"""The rules of the Python client for retries, keys, credentials and pages, with a server that responds as each test says."""

import asyncio
import importlib
import inspect
import json
import pkgutil
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from invitations_client import ApiError, Clock, Retry, api, connect, pages
from invitations_client.api.invitations import (
    create_invitation,
    create_invitations,
    describe_invitation,
    list_invitations,
    modify_invitation,
)
from invitations_client.api.invitees import lookup_invitation
from invitations_client.connection import add_key
from invitations_client.models import CreateInvitationsDryRun, InvitationChange, NewInvitation, NewInvitations, Token
from invitations_client.types import UNSET

ID = "3FDCA1955AE7EB167B25D7D90AC02B9F"
TIME = "2026-06-21T09:01:12Z"
INVITATION = {"id": ID, "email": "ann@example.com", "roleID": "read-only", "state": "invited", "urn": f"urn:x:{ID}"} | dict.fromkeys(
    ["created", "lastModified", "expiry", "lastSent"], TIME
)
ERROR = {"code": "some-code", "message": "A sentence.", "fields": {}, "requestId": "1"}
NEW = NewInvitation(email="ann@example.com", role_id="read-only")
CLOSE, CUT = "close", "cut"  # no response; a body that ends too early


class Server(BaseHTTPRequestHandler):
    def do(self) -> None:
        script, requests = self.server.script, self.server.requests
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        requests.append((self.command, self.path, dict(self.headers), body))
        response = script.pop(0) if len(script) > 1 else script[0]
        self.close_connection = True
        if response == CLOSE:
            return
        status, headers, value = (200, {}, INVITATION) if response == CUT else response
        content = json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content) + (10 if response == CUT else 0)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do

    def log_message(self, *_: object) -> None:
        pass


class FakeClock(Clock):
    """Sleeping moves the time, and takes none."""

    def __init__(self):
        self.time, self.slept = 0.0, []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept.append(seconds)

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)

    def random(self) -> float:
        return 0.0


def unavailable(seconds: int, status: int = 503):
    return status, {"retry-after": str(seconds)}, ERROR


SUCCESS = (200, {}, INVITATION)
CREATED = (201, {}, INVITATION)


class Rules(unittest.TestCase):
    def setUp(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.clock = FakeClock()

    def serve(self, *script, credential="ik_test"):
        """A client of a server that responds like this, and like the last of them from then on."""
        self.server.script, self.server.requests = list(script), []
        return connect(f"http://127.0.0.1:{self.server.server_address[1]}", credential, retry=Retry(clock=self.clock))

    def header(self, name: str) -> list[str | None]:
        """A header of all requests."""
        return [httpx.Headers(headers).get(name) for _, _, headers, _ in self.server.requests]

    def test_waits_exactly_as_long_as_retry_after_says(self):
        for status in (429, 503):
            with self.subTest(status=status):
                self.clock.slept.clear()
                client = self.serve(unavailable(7, status), unavailable(2, status), SUCCESS)
                response = describe_invitation.sync_detailed(ID, client=client)
                self.assertEqual((response.status_code, response.parsed.id), (200, ID))
                self.assertEqual(self.clock.slept, [7, 2])

    def test_repeats_a_write_with_the_same_key_and_body(self):
        client = self.serve(unavailable(1), CLOSE, CREATED)
        self.assertEqual(create_invitation.sync_detailed(client=client, body=NEW).status_code, 201)
        keys, bodies = self.header("idempotency-key"), {body for _, _, _, body in self.server.requests}
        self.assertEqual(len(keys), 3)
        self.assertEqual(len(set(keys)), 1)
        self.assertTrue(keys[0])
        self.assertEqual([json.loads(body) for body in bodies], [NEW.to_dict()])

    def test_waits_longer_each_time_without_a_retry_after(self):
        client = self.serve((503, {}, ERROR))
        self.assertEqual(describe_invitation.sync_detailed(ID, client=client).status_code, 503)
        self.assertEqual(self.clock.slept, [0.25, 0.5, 1, 2])

    def test_returns_a_resend_cooldown_at_once_and_waits_for_it_only_if_asked_to(self):
        cooling_down = (429, {"retry-after": "7"}, ERROR | {"code": "resend-cooldown"})
        response = modify_invitation.sync_detailed(ID, client=self.serve(cooling_down, SUCCESS))
        self.assertEqual((response.status_code, response.parsed.code), (429, "resend-cooldown"))
        self.assertEqual((len(self.server.requests), self.clock.slept), (1, []))
        self.serve(cooling_down, SUCCESS)
        client = connect(f"http://127.0.0.1:{self.server.server_address[1]}", "ik_test", retry=Retry(cooldown=True, clock=self.clock))
        self.assertEqual(modify_invitation.sync_detailed(ID, client=client).status_code, 200)
        self.assertEqual(self.clock.slept, [7])

    def test_waits_for_the_send_quota_and_for_the_gateway(self):
        for value in (ERROR | {"code": "send-quota"}, {"message": "Too Many Requests"}, None):
            with self.subTest(value=value):
                self.clock.slept.clear()
                client = self.serve((429, {"retry-after": "7"}, value), SUCCESS)
                self.assertEqual(modify_invitation.sync_detailed(ID, client=client).status_code, 200)
                self.assertEqual(self.clock.slept, [7])

    def test_leaves_a_wait_beyond_the_bound_to_the_caller(self):
        client = self.serve(unavailable(61, 429))
        response = describe_invitation.sync_detailed(ID, client=client)
        self.assertEqual((response.status_code, response.headers["retry-after"]), (429, "61"))
        self.assertEqual((len(self.server.requests), self.clock.slept), (1, []))

    def test_begins_no_attempt_after_the_total_time(self):
        client = self.serve(unavailable(25))
        self.assertEqual(describe_invitation.sync_detailed(ID, client=client).status_code, 503)
        self.assertEqual((len(self.server.requests), self.clock.slept), (3, [25, 25]))

    def test_makes_at_most_five_attempts(self):
        client = self.serve(unavailable(0))
        self.assertEqual(describe_invitation.sync_detailed(ID, client=client).status_code, 503)
        self.assertEqual(len(self.server.requests), 5)
        client = self.serve(CLOSE)
        with self.assertRaises(httpx.TransportError):
            describe_invitation.sync_detailed(ID, client=client)
        self.assertEqual(len(self.server.requests), 5)

    def test_repeats_after_a_connection_failure_only_what_is_safe_to_repeat(self):
        for failure in (CLOSE, CUT):
            with self.subTest(failure=failure):
                client = self.serve(failure, SUCCESS)
                self.assertEqual(describe_invitation.sync_detailed(ID, client=client).status_code, 200)
                client = self.serve(failure, SUCCESS)
                self.assertEqual(modify_invitation.sync_detailed(ID, client=client).status_code, 200)
                client = self.serve(failure, SUCCESS)
                with self.assertRaises(httpx.TransportError):
                    lookup_invitation.sync_detailed(client=client, body=Token(token="i1.unknown"))
                self.assertEqual(len(self.server.requests), 1)

    def test_repeats_no_other_error(self):
        for status in (400, 401, 404, 500):
            client = self.serve((status, {"retry-after": "1"}, ERROR), SUCCESS)
            self.assertEqual(describe_invitation.sync_detailed(ID, client=client).status_code, status)
            self.assertEqual(len(self.server.requests), 1)

    def test_an_error_of_the_gateway_is_raised(self):
        client = self.serve((503, {}, {"message": "Service Unavailable"}))
        with self.assertRaisesRegex(ApiError, "^503: Service Unavailable$") as raised:
            describe_invitation.sync_detailed(ID, client=client)
        self.assertEqual((raised.exception.status, raised.exception.body.message), (503, "Service Unavailable"))
        self.assertEqual(len(self.server.requests), 5)

    def test_each_write_has_a_key_of_its_own_unless_the_caller_gives_one(self):
        client = self.serve(CREATED)
        for key in (UNSET, UNSET, "mine"):
            create_invitation.sync_detailed(client=client, body=NEW, idempotency_key=key)
        first, second, third = self.header("idempotency-key")
        self.assertTrue(first and second and first != second)
        self.assertEqual(third, "mine")

    def test_what_takes_no_key_gets_none(self):
        client = self.serve((200, {}, {"results": []}))
        create_invitations.sync_detailed(client=client, body=NewInvitations(invitations=[NEW]), dry_run=CreateInvitationsDryRun.TRUE)
        create_invitations.sync_detailed(client=client, body=NewInvitations(invitations=[NEW]), dry_run=CreateInvitationsDryRun.FALSE)
        self.assertEqual([key is None for key in self.header("idempotency-key")], [True, False])

    def test_knows_which_operations_take_a_key(self):
        arguments = {"client": None, "body": None, "id": ID, "file": "texts.json"}
        operations = 0
        for group in pkgutil.iter_modules(api.__path__, "invitations_client.api."):
            for name in pkgutil.iter_modules(importlib.import_module(group.name).__path__, group.name + "."):
                operation = importlib.import_module(name.name)
                takes = inspect.signature(operation.sync_detailed).parameters
                given = {key: value for key, value in arguments.items() if key in inspect.signature(operation._get_kwargs).parameters}
                if "body" in given:
                    given["body"] = NEW if "idempotency_key" in takes else Token(token="i1.unknown")
                if "modify" in name.name:
                    given["body"] = InvitationChange(role_id="read-only")
                described = operation._get_kwargs(**given)
                request = httpx.Request(described["method"], "https://api.example.com/stage" + described["url"])
                add_key(request)
                self.assertEqual("Idempotency-Key" in request.headers, "idempotency_key" in takes, name.name)
                operations += 1
        self.assertGreaterEqual(operations, 9)

    def test_a_string_is_an_api_key_and_a_function_yields_a_token_for_each_attempt(self):
        describe_invitation.sync_detailed(ID, client=self.serve(SUCCESS))
        self.assertEqual(self.header("authorization"), ["ApiKey ik_test"])
        tokens = iter(["first", "second"])
        client = self.serve(unavailable(1), SUCCESS, credential=lambda: next(tokens))
        describe_invitation.sync_detailed(ID, client=client)
        self.assertEqual(self.header("authorization"), ["Bearer first", "Bearer second"])

    def test_a_client_with_further_headers_has_the_same_rules(self):
        client = self.serve(unavailable(1), SUCCESS).with_headers({"X-Trace": "1"})
        self.assertEqual(describe_invitation.sync_detailed(ID, client=client).status_code, 200)
        self.assertEqual((self.header("x-trace"), self.header("authorization")), (["1", "1"], ["ApiKey ik_test"] * 2))

    def test_asynchronous_calls_have_the_same_rules(self):
        async def calls():
            async with self.serve(unavailable(3), CLOSE, CREATED) as client:
                return await create_invitation.asyncio_detailed(client=client, body=NEW)

        self.assertEqual(asyncio.run(calls()).status_code, 201)
        self.assertEqual(self.clock.slept, [3, 0.5])
        self.assertEqual(len(set(self.header("idempotency-key"))), 1)
        self.assertEqual(self.header("authorization"), ["ApiKey ik_test"] * 3)

    def test_pages_keep_the_filters_until_there_is_no_next(self):
        client = self.serve(
            (200, {}, {"next": "two", "invitations": [INVITATION]}),
            (200, {}, {"next": "three", "invitations": []}),
            (200, {}, {"invitations": [INVITATION]}),
        )
        walked = [len(page.invitations) for page in pages(list_invitations.sync_detailed, client=client, limit=1, role_id="read-only")]
        self.assertEqual(walked, [1, 0, 1])
        queries = [dict(httpx.URL(path).params) for _, path, _, _ in self.server.requests]
        common = {"limit": "1", "roleID": "read-only"}
        self.assertEqual(queries, [common, common | {"cursor": "two"}, common | {"cursor": "three"}])

    def test_a_page_that_cannot_be_read_is_raised(self):
        client = self.serve((200, {}, {"next": "two", "invitations": []}), (400, {}, ERROR))
        walk = pages(list_invitations.sync_detailed, client=client)
        next(walk)
        with self.assertRaisesRegex(ApiError, r"^400: A sentence\.$"):
            next(walk)


if __name__ == "__main__":
    unittest.main()
