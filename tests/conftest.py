"""What holds for every test; the fixtures of a feature live beside its tests.

Warnings are errors, the order is random (the seed is printed; `--randomly-seed=N` repeats it), nobody outside this
machine can be reached, and no test may take longer than a minute: pyproject.toml says all that.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Verbosity, settings

# A slow machine is not a failed property, so no deadlines; pytest-timeout catches what hangs.
settings.register_profile("dev", max_examples=40, deadline=None)
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    # The same commit gets the same answer; a fresh window of examples is explored outside CI.
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("debug", max_examples=10, deadline=None, verbosity=Verbosity.verbose)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))
