from __future__ import annotations

from tests.cli.conftest import _folder, _run
from tests.web.conftest import _site

__all__ = ["_folder", "_run", "_site"]
