"""Show reports in the gallery: a page that builds one leaves it in a variable ``report``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "auto_gallery" / "_extra" / "reports"
"""Where the site takes the reports from."""

_HTML = """
.. raw:: html

   <iframe class="report" src="../reports/{name}/index.html" title="The report"></iframe>
   <p><a href="../reports/{name}/index.html">The report on a page of its own</a></p>
"""


def scrape(
    block: tuple[str, str, int],  # noqa: ARG001
    block_vars: dict[str, Any],
    gallery_conf: dict[str, Any],  # noqa: ARG001
) -> str:
    """Keep the report that a block has built, and show it below the block."""
    report = block_vars["example_globals"].pop("report", None)
    if report is None:
        return ""
    name = Path(block_vars["src_file"]).stem
    shutil.rmtree(FOLDER / name, ignore_errors=True)
    shutil.copytree(report, FOLDER / name)
    return _HTML.format(name=name)
