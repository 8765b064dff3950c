"""Runs a function's real binary with one event."""

import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from service import ROOT, Failed

FIRST_RESPONSE = 30  # seconds


def build(name: str) -> Path:
    """Compiles the function like `make run`, and returns its path."""
    subprocess.run(["cargo", "build", "--quiet", "--package", "functions", "--bin", name], cwd=ROOT, check=True)
    metadata = subprocess.check_output(["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT)
    return Path(json.loads(metadata)["target_directory"]) / "debug" / name


def get(path: str) -> dict:
    """API Gateway's event for a GET."""
    http = {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"}
    return {
        "version": "2.0",
        "routeKey": f"GET {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {},
        "requestContext": {"http": http, "requestId": "request-1", "stage": "$default"},
        "isBase64Encoded": False,
    }


def invoke(binary: Path, event: dict, **variables: str) -> dict:
    """Runs the binary with a Lambda runtime API that provides one event, and returns its response."""
    responded, ended = threading.Event(), threading.Event()
    responses = []

    class RuntimeApi(BaseHTTPRequestHandler):
        def do_GET(self):
            if responses:
                ended.wait()  # There is no second event.
                return
            body = json.dumps(event).encode()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", "invocation-1")
            self.send_header("Lambda-Runtime-Deadline-Ms", "9999999999999")
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:ca-1:999999999999:function:test")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            responses.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            responded.set()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        lambdas = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "test",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
        }
        with subprocess.Popen([binary], env={**os.environ, **lambdas, **variables}, stdout=subprocess.DEVNULL) as process:
            in_time = responded.wait(FIRST_RESPONSE)
            process.kill()
        ended.set()
        server.shutdown()
    if not in_time or not responses[0][0].endswith("/invocation-1/response"):
        raise Failed(f"{binary.name} does not respond: {responses}")
    return json.loads(responses[0][1])
