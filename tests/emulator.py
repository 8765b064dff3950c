"""An emulator of AWS on this machine, for rehearsing a deployment: MiniStack, on a free port of the loopback interface.

It runs the functions themselves, as they are deployed. What it cannot do, it says in responses and in its log.

    PYTHONPATH=<directory with ministack> python3 tests/emulator.py

runs it in the foreground, with what its environment says.
"""

import os
import string
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from types import ModuleType

from caller import check, until
from service import end_on_signals, end_tree, family, free_port

ACCOUNT = "000000000000"
REGION = "us-east-1"
# Only what the stack and SAM use; others open ports of their own.
SERVICES = "apigateway,cloudformation,cloudwatch,dynamodb,events,iam,lambda,logs,s3,secretsmanager,ses,sns,sqs,ssm,sts"
CORRECTED = "corrected: "


def credentials(port: int) -> dict[str, str]:
    """The environment of commands that shall reach the emulator, and no account."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **own,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_PAGER": "",
        "SAM_CLI_TELEMETRY": "0",
    }


class Emulator:
    """The running emulator. It ends with all functions that it has started."""

    def __init__(self, tool: Path, directory: Path):
        end_on_signals()
        self.port = free_port()
        self.tool = tool
        self.directory = directory
        self.lines: list[str] = []

    def __enter__(self) -> "Emulator":
        environment = {
            **credentials(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "SERVICES": SERVICES,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "STATE_DIR": str(self.directory / "state"),
            "TMPDIR": str(self.directory),
            "PYTHONPATH": str(self.tool),
        }
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            until(self._ready, "The emulator must start.", 60)
            for address in foreign_listeners(family(self.process.pid)):
                check(False, f"The emulator must listen on the loopback interface only, not on {address}.")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def _ready(self) -> bool:
        check(self.process.poll() is None, "The emulator has ended.", *self.lines[-20:])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_ministack/ready", timeout=5) as response:
                return response.status == 200
        except OSError:
            return False

    def corrections(self) -> list[str]:
        """What it does differently from AWS, and this file corrects."""
        return list(dict.fromkeys(line.split(CORRECTED)[1] for line in list(self.lines) if CORRECTED in line))

    def __exit__(self, *_: object) -> None:
        end_tree(self.process.pid)
        self.process.wait()
        self.reader.join(10)


def foreign_listeners(processes: dict[int, str]) -> list[str]:
    """Addresses other than the loopback's on which these processes accept connections, as Linux writes them."""
    sockets = set()
    for pid in processes:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.add(os.readlink(link))
            except OSError:
                continue
    found = []
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            fields = line.split()
            address, listening, inode = fields[1], fields[3] == "0A", fields[9]
            if listening and f"socket:[{inode}]" in sockets and not address.startswith(("0100007F:", "00000000000000000000000001000000:")):
                found.append(address)
    return found


def corrected(text: str) -> None:
    print(f"{CORRECTED}{text}", flush=True)


def correct(provisioners: ModuleType) -> None:
    """Adds what the stack needs and the emulator lacks, to the emulator's parts that create resources."""
    generate, put_alarm = provisioners._sm_secret_string, provisioners._cw_metric_alarm_put

    def without_punctuation(properties: dict) -> str:
        """CloudFormation's ExcludePunctuation, which the emulator ignores."""
        secret = generate(properties)
        options = properties.get("GenerateSecretString") or {}
        if str(options.get("ExcludePunctuation")).lower() == "true" and any(c in string.punctuation for c in secret):
            corrected("GenerateSecretString ignores ExcludePunctuation")
            secret = generate({**properties, "GenerateSecretString": {**options, "ExcludeCharacters": string.punctuation}})
        return secret

    def put_any_alarm(name: str, properties: dict) -> tuple:
        """An alarm that combines metrics is replaced by one of a metric that nobody publishes."""
        try:
            return put_alarm(name, properties)
        except ValueError as error:
            corrected(f"alarms that combine metrics never fire: {error}")
            kept = {key: value for key, value in properties.items() if key != "Metrics"}
            return put_alarm(name, {**kept, "Namespace": "none", "MetricName": "none", "Statistic": "Sum", "Period": 300})

    def create(logical_id: str, _properties: dict, stack_name: str) -> tuple:
        """Something of CodeDeploy, which is a name and nothing else."""
        corrected("CodeDeploy is missing: an alias moves at once, and no alarm moves it back")
        return f"{stack_name}-{logical_id}", {}

    provisioners._sm_secret_string = without_punctuation
    provisioners._cw_metric_alarm_put = put_any_alarm
    for kind in ("Application", "DeploymentGroup"):
        handlers = {"create": create, "update": lambda physical_id, *_: (physical_id, {}), "delete": lambda *_: None}
        provisioners._RESOURCE_HANDLERS[f"AWS::CodeDeploy::{kind}"] = handlers


def main() -> None:
    from ministack.app import main as run
    from ministack.services.cloudformation import provisioners

    correct(provisioners)
    sys.argv = ["ministack"]
    run()


if __name__ == "__main__":
    main()
