"""Servers for the real console: one with prepared responses in place of the API, and an issuer that signs people in."""

import base64
import hashlib
import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from . import function

FILES = ("invitations-panel.js", "texts.json")


class Asked(NamedTuple):
    method: str
    url: str
    headers: dict[str, str]
    parameters: dict[str, str]

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


class Server:
    """An HTTP server that records its requests, until the end of the `with`."""

    def __init__(self):
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def respond(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                parameters = dict(parse_qsl(urlsplit(self.path).query) + parse_qsl(body))
                asked = Asked(self.command, self.path, headers, parameters)
                outer.asked.append(asked)
                status, headers, content = outer.answer(asked)
                with suppress(ConnectionError):  # The client may have gone.
                    self.send_response(status)
                    for name, value in ({"content-length": str(len(content.encode()))} | headers).items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(content.encode())

            do_GET = do_POST = do_OPTIONS = respond

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], str]:
        raise NotImplementedError

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Issuer(Server):
    """Signs in whoever comes, as a provider in which they have a session. `wrong` changes what it responds, `back` where to."""

    def __init__(self, **tokens: object):
        super().__init__()
        self.tokens = {"access_token": "access-1", "expires_in": 3600} | tokens
        self.wrong: dict[str, str] = {}
        self.back: str | None = None
        self.requests: dict[str, dict[str, str]] = {}

    def console(self, **more: object) -> dict:
        """The configuration of a console for it."""
        paths = {"authorizationEndpoint": "/authorize?tenant=1", "tokenEndpoint": "/token"}
        return {"clientID": "console"} | {name: self.origin + path for name, path in paths.items()} | more

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], str]:
        if asked.path == "/authorize":
            return self.authorize(asked.parameters)
        if asked.path == "/token":
            return self.token(asked)
        return 200, {"content-type": "text/html"}, f"<title>{asked.path}</title>"

    def authorize(self, request: dict[str, str]) -> tuple[int, dict[str, str], str]:
        self.requests["code-1"] = request
        response = {"code": "code-1", "state": request["state"], "iss": self.origin} | self.wrong
        back = self.back or request["redirect_uri"]
        return 302, {"location": f"{back}{'&' if '?' in back else '?'}{urlencode(response)}"}, ""

    def token(self, asked: Asked) -> tuple[int, dict[str, str], str]:
        headers = {"access-control-allow-origin": "*", "content-type": "application/json"}
        request = asked.parameters
        if request["grant_type"] == "refresh_token":
            return 200, headers, json.dumps(self.tokens | {"access_token": f"access-of-{request['refresh_token']}", "expires_in": 3600})
        authorized = self.requests.pop(request["code"], {})
        challenge = base64.urlsafe_b64encode(hashlib.sha256(request["code_verifier"].encode()).digest()).decode().rstrip("=")
        same = all(authorized.get(name) == request[name] for name in ("client_id", "redirect_uri"))
        if authorized.get("code_challenge") != challenge or not same:
            return 400, headers, json.dumps({"error": "invalid_grant"})
        claims = {"nonce": authorized["nonce"], "exp": 9_999_999_999} | ({"nonce": "other"} if "nonce" in self.wrong else {})
        token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims, {}))
        return 200, headers, json.dumps({"id_token": token} | self.tokens)


class ConsoleServer(Server):
    """Serves the console of a function that is configured with `issuers`, and refuses everything else like the API."""

    def __init__(self, binary: Path, issuers: dict[str, dict], **variables: str):
        super().__init__()
        self.variables = {"ISSUERS": json.dumps(issuers)} | variables
        self.served = {"/console": function.invoke(binary, function.get("/console"), **self.variables)}
        for file in FILES:
            event = function.get(f"/console/{file}") | {"pathParameters": {"file": file}}
            self.served[f"/console/{file}"] = function.invoke(binary, event, **self.variables)

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], str]:
        found = self.served.get(asked.path)
        if found:
            return found["statusCode"], found["headers"], found["body"]
        body = {"code": "forbidden", "message": "You may not.", "fields": {}, "requestId": "request-7"}
        return 403, {"content-type": "application/json"}, json.dumps(body)


def issuer_entry(issuer: Issuer, **console: object) -> dict:
    return {"issuer": issuer.origin, "audience": {"values": ["invitations"]}, "console": issuer.console(**console)}
