"""A W&B server on loopback that speaks enough of the API for runs, `wandb sync`, artifacts and reports, with faults.

`with Stub() as server: ... server.history(run_id)`. A fault is set at any moment, for all operations or for some:
`server.fault = Fault(status=500, of=frozenset({"file_stream"}))`.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote, urlparse

KEY = "local-" + "0123456789abcdef" * 3
"""Of the length that the client insists on."""
ENTITY = "tester"
Answer = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What goes wrong: an answer with this status, one that comes late, or none."""

    status: int | None = None
    delay: float = 0.0
    drop: bool = False
    of: frozenset[str] | None = None
    """Operations; null: all."""


@dataclass
class Run:
    """What the server has of a run."""

    name: str
    config: Answer = field(default_factory=dict)
    summary: Answer = field(default_factory=dict)
    lines: dict[int, str] = field(default_factory=dict)
    """By place, so that what is sent twice stands once."""
    attributes: Answer = field(default_factory=dict)
    inserted: int = 0
    complete: bool = False


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Server(ThreadingHTTPServer):
    """Silent about clients that leave in the middle of an answer."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None: ...


class Stub:
    """The server; everything that it received stands in its attributes."""

    def __init__(self, key: str = KEY) -> None:
        self.key = key
        self.fault: Fault | None = None
        self.last: str | None = None
        """The operation after whose first answer the server answers nothing more."""
        self.runs: dict[str, Run] = {}
        self.artifacts: dict[str, Answer] = {}
        self.views: dict[str, Answer] = {}
        self.files: dict[str, bytes] = {}
        self.operations: Counter[str] = Counter()
        self.unknown: list[str] = []
        self.lock = threading.RLock()
        self.closed = threading.Event()
        handler = type("Bound", (Handler,), {"stub": self})
        self._server = Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Stub:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead a client here."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": self.key}

    def history(self, name: str) -> list[Answer]:
        """The rows of a run, in their order."""
        with self.lock:
            return [json.loads(line) for _, line in sorted(self.runs[name].lines.items())]

    def uploaded(self, name: str) -> list[str]:
        """The files of a run."""
        prefix = f"/store/runs/{name}/"
        return sorted(path.removeprefix(prefix) for path in self.files if path.startswith(prefix))

    def run(self, name: str) -> Run:
        return self.runs.setdefault(name, Run(name))

    # what a client asks, by the name of the operation

    def op_viewer(self, asked: Answer) -> Answer:  # noqa: ARG002
        return {"viewer": {"id": encoded("User:1"), "entity": ENTITY, "username": ENTITY, "name": ENTITY,
                           "email": "", "flags": "{}", "admin": False, "defaultEntity": {"name": ENTITY},
                           "teams": {"edges": []}, "apiKeys": {"edges": []}}}  # fmt: skip

    op_getviewer = op_getdefaultentity = op_viewer

    def op_serverfeaturesquery(self, asked: Answer) -> Answer:  # noqa: ARG002
        return {"serverInfo": {"features": []}}

    def op_runresumestatus(self, asked: Answer) -> Answer:
        entity = {"id": encoded("Entity:1"), "name": ENTITY}
        return {"model": {"id": encoded("Project:1"), "name": asked["project"], "entity": entity, "bucket": None}}

    def op_upsertbucket(self, asked: Answer) -> Answer:
        name = asked.get("name") or base64.b64decode(asked["id"]).decode().split(":")[1]
        new, run = name not in self.runs, self.run(name)
        run.inserted += new
        run.config |= json.loads(asked.get("config") or "{}")
        run.summary |= json.loads(asked.get("summaryMetrics") or "{}")
        run.attributes |= {key: value for key, value in asked.items() if value is not None}
        project = {"id": encoded("Project:1"), "name": asked.get("project") or "", "entity": {"id": "", "name": ENTITY}}
        bucket = {"id": encoded(f"Run:{name}"), "name": name, "displayName": name, "config": json.dumps(run.config),
                  "description": None, "sweepName": None, "historyLineCount": 0, "project": project}  # fmt: skip
        return {"upsertBucket": {"inserted": new, "bucket": bucket}}

    def op_createrunfiles(self, asked: Answer) -> Answer:
        base = f"{self.url}/store/runs/{asked['run']}"
        files = [{"name": name, "uploadUrl": f"{base}/{quote(name)}"} for name in asked["files"]]
        return {"createRunFiles": {"runID": encoded(f"Run:{asked['run']}"), "uploadHeaders": [], "files": files}}

    def op_createartifact(self, asked: Answer) -> Answer:
        identity = encoded(f"Artifact:{len(self.artifacts)}")
        names = asked.get("artifactCollectionNames") or [asked.get("artifactCollectionName")]
        self.artifacts[identity] = {
            "name": names[0],
            "type": asked["artifactTypeName"],
            "state": "PENDING",
            "files": [],
        }
        sequence = {"latestArtifact": None}
        return {"createArtifact": {"artifact": {"id": identity, "state": "PENDING", "artifactSequence": sequence}}}

    def op_createartifactmanifest(self, asked: Answer) -> Answer:
        return {"createArtifactManifest": self._manifest(asked["artifactID"])}

    def op_updateartifactmanifest(self, asked: Answer) -> Answer:
        return {"updateArtifactManifest": self._manifest(asked["artifactManifestID"])}

    def _manifest(self, identity: str) -> Answer:
        url = f"{self.url}/store/manifest/{quote(identity, safe='')}"
        return {"artifactManifest": {"id": identity, "file": {"id": identity, "uploadUrl": url, "uploadHeaders": []}}}

    def op_createartifactfiles(self, asked: Answer) -> Answer:
        edges = []
        for file in asked["artifactFiles"]:
            identity, name = file["artifactID"], file["name"]
            self.artifacts[identity]["files"].append(name)
            path = f"/store/artifacts/{quote(identity, safe='')}/{quote(name)}"
            edges.append({"node": {"id": encoded(name), "name": name, "displayName": name, "storagePath": path,
                                   "uploadUrl": self.url + path, "uploadHeaders": [], "uploadMultipartUrls": None,
                                   "artifact": {"id": identity}}})  # fmt: skip
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def op_commitartifact(self, asked: Answer) -> Answer:
        self.artifacts[asked["artifactID"]]["state"] = "COMMITTED"
        return {"commitArtifact": {"artifact": {"id": asked["artifactID"], "digest": ""}}}

    def op_getprojects(self, asked: Answer) -> Answer:  # noqa: ARG002
        return {"models": {"edges": [], "pageInfo": {"endCursor": None, "hasNextPage": False}}}

    def op_upsertmodel(self, asked: Answer) -> Answer:
        project = {"id": encoded("Project:1"), "name": asked.get("name"), "entityName": ENTITY, "description": None,
                   "access": None, "views": "{}"}  # fmt: skip
        return {"upsertModel": {"project": project, "model": {"name": asked.get("name")}, "inserted": True}}

    def op_createproject(self, asked: Answer) -> Answer:
        found = self.op_upsertmodel(asked)["upsertModel"]["project"]
        return {"result": {"project": found, "model": found, "inserted": True}}

    def op_upsertview(self, asked: Answer) -> Answer:
        identity = asked.get("id") or encoded(f"View:{len(self.views)}")
        new = identity not in self.views
        self.views[identity] = asked
        return {"upsertView": {"inserted": new, "view": self._view(identity)}}

    def op_specificreport(self, asked: Answer) -> Answer:
        return {"view": self._view(asked["reportId"])}

    def _view(self, identity: str) -> Answer:
        asked = self.views[identity]
        project = {"id": encoded("Project:1"), "name": asked["projectName"], "entityName": asked["entityName"]}
        shown = {name: asked.get(name) for name in ("name", "type", "displayName", "description", "spec")}
        times = dict.fromkeys(("createdAt", "updatedAt"), "2026-01-01T00:00:00")
        return {"id": identity, "project": project, **shown, **times}


class Handler(BaseHTTPRequestHandler):
    """Answers one client."""

    protocol_version = "HTTP/1.1"
    stub: Stub

    def log_message(self, *arguments: object) -> None: ...

    def do_PUT(self) -> None:
        content = self._body()
        if not self._faulty("PUT"):
            self.stub.files[unquote(urlparse(self.path).path)] = content
            self._answer({})

    def do_POST(self) -> None:
        asked = json.loads(self._body() or b"{}")
        if self.path == "/graphql":
            self._graphql(asked)
        elif found := re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path):
            self._file_stream(asked, unquote(found[1]))
        else:
            self.stub.unknown.append(self.path)
            self._answer({}, 404)

    def _graphql(self, asked: Answer) -> None:
        found = re.search(r"\b(?:query|mutation)\s+(\w+)", asked["query"])
        name = found[1] if found else ""
        variables = asked.get("variables") or {}
        variables = variables["input"] if set(variables) == {"input"} else variables
        with self.stub.lock:
            self.stub.operations[name] += 1
        if self._faulty(name):
            return
        if self.headers.get("Authorization") != f"Basic {encoded(f'api:{self.stub.key}')}":
            self._answer({"errors": [{"message": "permission denied"}]}, 401)
            return
        operation = getattr(self.stub, f"op_{name.lower()}", None)
        if operation is None:
            self.stub.unknown.append(name)
            self._answer({"errors": [{"message": f"unknown operation {name}"}]}, 400)
            return
        with self.stub.lock:
            answer = operation(variables)
            if name == self.stub.last:
                self.stub.fault = Fault(drop=True)
        self._answer({"data": answer})

    def _file_stream(self, asked: Answer, name: str) -> None:
        if self._faulty("file_stream"):
            return
        with self.stub.lock:
            run = self.stub.run(name)
            for file, chunk in (asked.get("files") or {}).items():
                lines: Iterable[str] = chunk.get("content") or []
                if file == "wandb-history.jsonl":
                    run.lines |= {int(chunk.get("offset", 0)) + place: line for place, line in enumerate(lines)}
                elif file == "wandb-summary.json" and chunk.get("content"):
                    run.summary = json.loads(chunk["content"][-1])
            run.complete |= bool(asked.get("complete"))
        self._answer({"limits": {}})

    def _faulty(self, name: str) -> bool:
        fault = self.stub.fault
        if fault is None or (fault.of is not None and name not in fault.of):
            return False
        self.stub.closed.wait(fault.delay)
        if fault.drop:
            self.close_connection = True
        elif fault.status:
            self._answer({"errors": [{"message": "injected"}]}, fault.status)
        return fault.drop or fault.status is not None

    def _body(self) -> bytes:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

    def _answer(self, content: Answer, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
