"""Weights that are downloaded: known by their content, once a machine, with words where there is no network."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import safetensors.torch
import torch
from pydantic import ValidationError

from tasks.errors import StageError
from tasks.models import download
from tasks.models.build import Description, build_model
from tasks.models.download import HUB_VARIABLE, download_weights, locate_download, resolve_address
from tasks.models.settings import ModelSettings
from tasks.models.weights import load_initial_weights
from tests.support.small import stages_of, trial


class Server(ThreadingHTTPServer):
    """Gives one content for every path, and counts."""

    content = b""
    asked: list[str]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append(self.path)
        self.send_response(404 if "gone" in self.path else 200)
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    torch.manual_seed(5)
    network = build_model(Description.of(ModelSettings(name="resnet8"), 3, 10)).network
    found = Server(("127.0.0.1", 0), Handler)
    found.content = safetensors.torch.save({name: value.contiguous() for name, value in network.state_dict().items()})
    found.asked = []
    thread = threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


def address_of(server: Server, path: str = "a/b/net.safetensors") -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{path}"


def test_weights_of_an_address_are_fetched_once(server: Server) -> None:
    digest = hashlib.sha256(server.content).hexdigest()
    settings = ModelSettings.model_validate({"name": "resnet8", "weights": f"{address_of(server)}#sha256={digest}"})
    assert server.asked == [], "a plan asks nobody"
    for _ in range(2):
        model = build_model(Description.of(settings, 3, 10))
        load_initial_weights(model.network, settings)
    sent = safetensors.torch.load(server.content)
    assert all(torch.equal(value, sent[name]) for name, value in model.network.state_dict().items())
    assert server.asked == ["/a/b/net.safetensors"]


def test_the_key_is_that_of_a_file_of_the_same_content(server: Server, tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(server.content)
    digest = hashlib.sha256(server.content).hexdigest()
    places = [str(tmp_path / "net.safetensors"), f"{address_of(server)}#sha256={digest}",
              f"hf://a/b/net.safetensors#sha256={digest.upper()}"]  # fmt: skip
    assert len({stages_of(trial(model={"name": "resnet8", "weights": place}))[0].key for place in places}) == 1


def test_another_content_is_refused_and_not_kept(server: Server) -> None:
    with pytest.raises(StageError, match="has another content"):
        download_weights(address_of(server), "0" * 64)
    assert not locate_download(address_of(server), "0" * 64).exists()


def test_a_download_without_end_is_broken_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    digest, size = hashlib.sha256(server.content).hexdigest(), len(server.content)
    monkeypatch.setattr(download, "MOST_BYTES", size - 1)
    with pytest.raises(StageError, match=rf"could not be downloaded: has more than {size - 1:,} bytes\. Without"):
        download_weights(address_of(server), digest)
    assert not locate_download(address_of(server), digest).exists()
    monkeypatch.setattr(download, "MOST_BYTES", size)
    assert download_weights(address_of(server), digest).stat().st_size == size


@pytest.mark.parametrize(("url", "digest"), [(None, None), ("https://example.org/net.pt", None), (None, "0" * 64)])
def test_neither_an_address_nor_a_digest_is_enough(url: str | None, digest: str | None) -> None:
    with pytest.raises(StageError, match="a file, or an address and the sha256 of its content, is wanted"):
        download_weights(url, digest)


def test_the_hub_is_asked_where_it_keeps_files(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_address("hf://org/net/sub/w.pt").endswith("/org/net/resolve/main/sub/w.pt")
    monkeypatch.setenv(HUB_VARIABLE, address_of(server, ""))
    digest = hashlib.sha256(server.content).hexdigest()
    assert download_weights("hf://org/net/w.safetensors@v2", digest).suffix == ".safetensors"
    assert server.asked == ["/org/net/resolve/v2/w.safetensors"]
    with pytest.raises(StageError, match="hf://ORGANISATION/REPOSITORY/FILE"):
        resolve_address("hf://w.pt")


@pytest.mark.parametrize("path", ["gone.pt", None])
def test_without_an_answer_the_message_says_where_to_put_the_file(server: Server, path: str | None) -> None:
    address = address_of(server, path) if path else "http://127.0.0.1:1/net.pt"
    kept = locate_download(address, "7" * 64)
    with pytest.raises(StageError, match="could not be downloaded") as raised:
        download_weights(address, "7" * 64)
    assert str(kept) in str(raised.value)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(b"by hand")
    digest = hashlib.sha256(b"by hand").hexdigest()
    kept.rename(locate_download(address, digest))
    assert download_weights(address, digest).read_bytes() == b"by hand"


def test_an_address_without_a_digest_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="URL#sha256=DIGEST"):
        ModelSettings.model_validate({"name": "resnet8", "weights": "https://example.org/net.pt"})
