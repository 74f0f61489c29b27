"""The library that draws the figures of the page: Vega, Vega-Lite and Vega-Embed as one script."""

from __future__ import annotations

import functools
import uuid
from importlib.metadata import version
from pathlib import Path

from tasks.fingerprints import get_cache_folder


def load_vega() -> str:
    """The script as `vl-convert` carries it, such that it may stand inside a `<script>` element.

    Putting it together takes more time than all else of a page, so it is kept in the cache folder of this machine, by
    the version of `vl-convert`.
    """
    file = locate_vega()
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        script = bundle_vega()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(f".{uuid.uuid4().hex}")
        draft.write_text(script, "utf-8")
        draft.replace(file)
    except OSError:
        pass  # where nothing can be kept, the next report puts it together again
    return script


def locate_vega() -> Path:
    """The file in the cache folder of this machine."""
    return get_cache_folder() / f"vega-{version('vl-convert-python')}.js"


@functools.cache
def bundle_vega() -> str:
    """Put the script together, once in a process."""
    import vl_convert

    script: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
