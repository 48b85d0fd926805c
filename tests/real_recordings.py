"""Real recordings that packages of Python and Debian ship; nothing is copied or downloaded."""

from __future__ import annotations

from pathlib import Path

KEMAR = Path("/usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa")
"""Head and torso simulator, measured at MIT (Gardner & Martin 1995): package libmysofa1."""

NO_KEMAR = "needs a measured head: apt install libmysofa1"
