"""Fixtures shared by all tests."""

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

# Under --import-mode=importlib the root is not importable by itself, and plugins need a name.
_ROOT = str(Path(__file__).resolve().parents[1])
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

pytest_plugins = ["tests.support.postgres", "tests.support.platform", "tests.support.docker"]

# In CI the same inputs each time, so that a commit passes or fails by what it says; elsewhere new ones each time.
settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
if os.environ.get("CI"):
    settings.load_profile("ci")
