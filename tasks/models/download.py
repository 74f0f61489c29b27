"""Files of weights that are downloaded once to a machine, and known by their content."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.request
from pathlib import Path, PurePosixPath

from tasks.errors import StageError
from tasks.fingerprints import get_cache_folder, hash_file

HUB, HUB_VARIABLE = "https://huggingface.co", "HF_ENDPOINT"
PATIENCE = 60.0
"""Seconds without an answer."""
MOST_BYTES = 20_000_000_000


def resolve_address(url: str) -> str:
    """The address that is asked: `hf://ORG/REPO/FILE[@REVISION]` as the hub serves it, any other as it is.

    :raises StageError: it names no file of a repository.
    """
    if not url.startswith("hf://"):
        return url
    path, _, revision = url.removeprefix("hf://").partition("@")
    parts = path.split("/")
    if len(parts) < 3 or not all(parts):
        raise StageError(f"model.weights: {url}: write it as hf://ORGANISATION/REPOSITORY/FILE[@REVISION]")
    hub = os.environ.get(HUB_VARIABLE, HUB).rstrip("/")
    return f"{hub}/{parts[0]}/{parts[1]}/resolve/{revision or 'main'}/{'/'.join(parts[2:])}"


def locate_download(url: str, sha256: str) -> Path:
    """Where the file of that content is kept on this machine."""
    suffix = PurePosixPath(url.partition("@")[0].partition("?")[0]).suffix
    return get_cache_folder() / "weights" / f"{sha256}{suffix}"


def download_weights(url: str | None, sha256: str | None) -> Path:
    """The file at an address; it is downloaded where this machine does not have it.

    :raises StageError: it cannot be had, or has another content; the message says where to put it by hand.
    """
    if url is None or sha256 is None:
        raise StageError("model.weights: a file, or an address and the sha256 of its content, is wanted")
    kept = locate_download(url, sha256)
    if kept.is_file() and hash_file(kept) == sha256:
        return kept
    address = resolve_address(url)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            draft = Path(folder) / kept.name
            digest = _copy(address, draft)
            if digest != sha256:
                raise StageError(f"model.weights: {url} has another content: its sha256 is {digest}, not {sha256}")
            draft.replace(kept)
    except (OSError, ValueError) as error:
        raise StageError(
            f"model.weights: {address} could not be downloaded: {error}. Without a network, put the file to {kept}, "
            "or name it by its path: model.weights = FILE"
        ) from error
    return kept


def _copy(address: str, file: Path) -> str:
    """Download to a file; sha256 of what came.

    :raises OSError: there is no answer, or one without end.
    """
    size, digest = 0, hashlib.sha256()
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer, file.open("wb") as kept:
        while chunk := answer.read(1 << 20):
            size += len(chunk)
            if size > MOST_BYTES:
                raise OSError(f"has more than {MOST_BYTES:,} bytes")
            digest.update(chunk)
            kept.write(chunk)
    return digest.hexdigest()
