"""Settings of the documentation site; `make docs` builds it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cadenza

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "_ext"))

project = "cadenza"
author = "The cadenza developers"
copyright = author  # noqa: A001
version = release = cadenza.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "repository",
    "specification",
]
exclude_patterns = ["gallery"]
templates_path = ["_templates"]

html_theme = "pydata_sphinx_theme"
html_title = "cadenza"
html_static_path = ["_static"]
html_extra_path = ["auto_gallery/_extra"]  # reports, see _ext/reports.py
(DOCS / html_extra_path[0]).mkdir(parents=True, exist_ok=True)
html_css_files = ["cadenza.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "attrs_block"]

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # the numpy docstrings give types, shapes and units
numpydoc_show_class_members = False
suppress_warnings = ["ref.citation"]  # references that a docstring lists without citing them
default_role = "py:obj"

os.environ.setdefault("OMP_NUM_THREADS", "1")
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": r"\.py",
    "within_subsection_order": "gallery_order.Order",
    "capture_repr": ("_repr_html_", "__repr__"),
    "image_scrapers": ("matplotlib", "reports.scrape"),
    "ignore_repr_types": r"matplotlib\.",
    "matplotlib_animations": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "abort_on_example_error": True,
    "run_stale_examples": True,  # pages depend on cadenza, too, not only on themselves
    "doc_module": ("cadenza",),
    "backreferences_dir": None,
}
