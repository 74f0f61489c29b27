"""Asking a W&B server who we are, without a word of the key."""

from __future__ import annotations

import base64
import io
import json
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from orchestrator.tracking import server
from orchestrator.tracking.sender import parse_output
from tests.support.wandb_stub import KEY


def test_a_message_never_shows_the_key_or_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", "http://someone:secret@127.0.0.1:9")
    assert server.redact_key(f"about {KEY}") == "about ***"
    assert parse_output(f"wandb: ERROR bad key {KEY}", {}).error == "ERROR bad key ***"
    with pytest.raises(server.UnreachableError) as refused:
        server.ask_viewer()
    assert "secret" not in str(refused.value)


def test_the_key_is_that_of_the_variable_or_of_the_server_in_the_netrc_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://here:80/")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    assert server.find_api_key() is None
    (tmp_path / "_netrc").write_text("machine here:80 login user password second\n")
    assert server.find_api_key() == "second"
    (tmp_path / ".netrc").write_text(
        "machine there login user password other\nmachine here:80 login user password k1\n"
    )
    (tmp_path / ".netrc").chmod(0o600)
    assert server.find_api_key() == "k1"
    (tmp_path / "named").write_text("machine there login user password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "named"))
    assert server.find_api_key() is None
    monkeypatch.setenv("WANDB_API_KEY", "k2")
    assert server.find_api_key() == "k2"
    assert (server.find_base_url(), server.redact_url()) == ("http://here:80", "http://here:80")
    monkeypatch.setenv("WANDB_BASE_URL", "https://me:secret@host")
    assert server.redact_url() == "https://host"


def fail_with(status: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("http://here", status, "no", Message(), None)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"data": {"viewer": {"entity": "team"}}}, None),
        ({"data": {"viewer": None}}, "http://here does not take the key"),
        ({"data": None}, "http://here does not take the key"),
        ({}, "http://here does not take the key"),
        (fail_with(401), "http://here does not take the key (status 401)"),
        (fail_with(403), "http://here does not take the key (status 403)"),
        (fail_with(500), "http://here cannot answer (status 500)"),
        (urllib.error.URLError("refused k3"), "http://here cannot be reached: refused ***"),
        (TimeoutError("late"), "http://here cannot be reached: late"),
        ([], "http://here cannot be reached: 'list' object has no attribute 'get'"),
    ],
)
def test_whose_key_it_is_is_asked_once_and_briefly(
    answer: Any, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def ask(request: urllib.request.Request, timeout: float) -> io.BytesIO:
        asked.append((request.full_url, request.get_header("Authorization"), timeout))
        assert isinstance(request.data, bytes)
        assert json.loads(request.data).keys() == {"query"}
        assert (request.get_method(), request.get_header("Content-type")) == ("POST", "application/json")
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(json.dumps(answer).encode())

    monkeypatch.setattr(urllib.request, "urlopen", ask)
    monkeypatch.setenv("WANDB_BASE_URL", "http://here/")
    monkeypatch.setenv("WANDB_API_KEY", "k3")
    if said is None:
        assert server.ask_viewer() == {"entity": "team"}
    else:
        with pytest.raises(server.UnreachableError) as refused:
            server.ask_viewer()
        assert str(refused.value) == said
    assert asked == [("http://here/graphql", f"Basic {base64.b64encode(b'api:k3').decode()}", 5.0)]
