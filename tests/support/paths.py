"""Where things are in the repository: tests run in a folder of their own."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
HANDBOOK = ROOT / "eval" / "datasets" / "handbook" / "documents"
SHARED = ROOT.parent / "shared"
"""Data that lie beside the repository; a test that needs them is skipped without them."""
