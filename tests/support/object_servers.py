"""A real S3 API on loopback (moto's server) that counts requests, and fails as networks and services do."""

from __future__ import annotations

import logging
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pyarrow import fs

from tests.support.harness import LIMIT

KEY, SECRET = "test-key", "test-secret"
BUCKET = "bucket"
WANDB_KEY = "wandbkey0123456789012345678901234567890123"
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Faulty:
    """A WSGI application in front of another: counts, refuses unknown keys, and fails when told to."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.requests: list[tuple[str, str]] = []
        """Method and path of every request that was let through."""
        self.failed = 0
        """Requests that were not."""
        self._left = 0
        self._fault = ""
        self._held: tuple[str, int] | None = None
        self.holds = threading.Event()
        """Whether a request is held."""
        self._released = threading.Event()
        self._lock = threading.Lock()

    def fail(self, fault: str, requests: int) -> None:
        """Let so many requests fail.

        :param fault: `slow down` answers 503, `drop` resets the connection.
        """
        with self._lock:
            self._fault, self._left = fault, requests

    def _takes_fault(self) -> bool:
        with self._lock:
            fails = self._left > 0
            self._left -= fails
            self.failed += fails
            return fails

    def hold(self, pattern: str, puts: int) -> None:
        """Once so many paths that match were put, keep whoever puts another waiting, until all are let go."""
        self._held = pattern, puts

    def release(self) -> None:
        """Let go of whoever waits, with nothing done for them, and hold nobody from now on."""
        self._held = None
        self._released.set()

    def _is_held(self, method: str, path: str) -> bool:
        if self._held is None or method != "PUT" or not re.search(self._held[0], path):
            return False
        return len(self.puts(self._held[0])) >= self._held[1]

    def count(self, method: str, pattern: str) -> Counter[str]:
        """How often each path that matches was asked for."""
        found = list(self.requests)
        return Counter(path for asked, path in found if asked == method and re.search(pattern, path))

    def puts(self, pattern: str) -> list[str]:
        """The paths that were put, in order."""
        return [path for method, path in list(self.requests) if method == "PUT" and re.search(pattern, path)]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self._takes_fault():
            if self._fault == "drop":
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return _error(start_response, "503 Slow Down", "SlowDown")
        if f"Credential={KEY}/" not in environ.get("HTTP_AUTHORIZATION", ""):
            return _error(start_response, "403 Forbidden", "InvalidAccessKeyId")
        if self._is_held(environ["REQUEST_METHOD"], environ["PATH_INFO"]):
            self.holds.set()
            self._released.wait(LIMIT)
            return _error(start_response, "503 Slow Down", "SlowDown")
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        return self._application(environ, start_response)


def _error(start_response: Callable[..., Any], status: str, code: str) -> list[bytes]:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>as the test asked</Message></Error>".encode()
    start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]


@contextmanager
def s3() -> Iterator[tuple[Faulty, str]]:
    """The server and its `host:port`, with one empty bucket; gone afterwards."""
    pytest.importorskip("moto", reason="moto's server is not installed")
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = Faulty(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        endpoint = f"127.0.0.1:{server.server_port}"
        options = {"endpoint_override": endpoint, "scheme": "http", "region": "us-east-1"}
        made = fs.S3FileSystem(access_key=KEY, secret_key=SECRET, allow_bucket_creation=True, **options)
        made.create_dir(BUCKET)
        application.requests.clear()
        yield application, endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def s3_of_a_user() -> Iterator[Faulty]:
    """An S3, and the environment of its user, in a folder whose name leaves room for sockets."""
    with (
        tempfile.TemporaryDirectory(prefix="s3-", dir="/tmp") as folder,
        s3() as (application, endpoint),
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in environment(endpoint).items():
            patch.setenv(name, value)
        patch.setenv("WANDB_API_KEY", WANDB_KEY)
        patch.setenv("TMPDIR", folder)
        patch.setenv("ADVSWEEP_CACHE", f"{folder}/cache")
        patch.chdir(folder)
        yield application


@contextmanager
def gcs() -> Iterator[str]:
    """The URI of an empty bucket of an emulated Google Cloud Storage, in a process of its own; gone afterwards."""
    pytest.importorskip("gcp_storage_emulator", reason="the GCS emulator is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--in-memory", "--default-bucket", BUCKET]
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", *options]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"gs://anonymous@{BUCKET}/team?endpoint_override=127.0.0.1:{port}&scheme=http"
    finally:
        server.terminate()
        server.wait(timeout=LIMIT)


def environment(endpoint: str) -> dict[str, str]:
    """The usual variables of whoever uses this S3."""
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": f"http://{endpoint}",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
