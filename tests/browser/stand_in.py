"""A server for the real page, with prepared responses in place of the API."""

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

TOKEN = "i1.012345678912.3FDCA1955AE7EB167B25D7D90AC02B9F.a-token-that_is-only-in-a-link-s-fragment_A"


class Response(NamedTuple):
    status: int = 200
    body: dict | None = None  # None closes the connection
    headers: dict[str, str] = {}
    after: float = 0  # seconds


class Received(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: str


def invitation(state: str = "invited", display: dict | None = None, **fields: object) -> Response:
    """A response of lookup, accept and decline. A field that is None is left out."""
    body = {
        "account": "012345678912",
        "email": "jane.roe@example.com",
        "roleID": "read-only",
        "state": state,
        "expiry": "2030-06-21T09:01:00Z",
        "invitedBy": "Jane Doe",
        "binding": "bearer",
        "display": {"locales": []} | (display or {}),
    } | fields
    return Response(body={name: value for name, value in body.items() if value is not None})


def error(status: int, code: str, **headers: str) -> Response:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, {"code": code, "message": "A sentence for programmers.", "fields": {}, "requestId": "request-7"}, headers)


GONE = Response(body=None)


class StandIn:
    """Serves `page` at `{prefix}/accept` until the end of the `with`."""

    def __init__(self, page: dict, prefix: str = ""):
        self.page, self.prefix = page, prefix
        self.responses: dict[str, list[Response]] = {}
        self.asked: list[Received] = []  # since `will`
        self.ever: list[Received] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"{self.origin}{self.prefix}/accept"

    def will(self, **responses: Response | list[Response]) -> None:
        """Prepares the responses of the routes: in this order, and then always the last one."""
        self.asked.clear()
        self.responses = {route: response if isinstance(response, list) else [response] for route, response in responses.items()}

    def posts(self) -> list[tuple[str, object]]:
        """The POSTs that were received, each with its body."""
        return [(asked.path.removeprefix(self.prefix), json.loads(asked.body)) for asked in self.asked if asked.method == "POST"]

    def _respond(self, asked: Received) -> Response:
        route = asked.path.removeprefix(f"{self.prefix}/invitations/")
        responses = self.responses.get(route, [])
        if asked.method != "POST" or not responses:
            return Response(404, {"message": "Not Found"})
        return responses.pop(0) if len(responses) > 1 else responses[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def serve(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
                asked = Received(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                stand_in.asked.append(asked)
                stand_in.ever.append(asked)
                if (self.command, self.path) == ("GET", f"{stand_in.prefix}/accept"):
                    self.send(stand_in.page["statusCode"], stand_in.page["headers"], stand_in.page["body"])
                    return
                response = stand_in._respond(asked)
                time.sleep(response.after)
                if response.body is not None:
                    with suppress(ConnectionError):  # The client may have gone.
                        self.send(response.status, {"content-type": "application/json", **response.headers}, json.dumps(response.body))

            do_GET = do_HEAD = do_POST = do_OPTIONS = serve

            def send(self, status: int, headers: dict[str, str], body: str):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        return Handler

    def __enter__(self) -> "StandIn":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
