"""The compiled back end, where it is built."""

import os
import shutil

import pytest

from penstock.processors.native.extension import extension


def require_native() -> None:
    """Skip where the compiled back end is not built; under PENSTOCK_REQUIRE_ALL=1 fail where it could have been."""
    if extension() is None:
        said = "the compiled back end is not built here (make native)"
        if os.environ.get("PENSTOCK_REQUIRE_ALL") == "1" and shutil.which("cargo"):
            pytest.fail(said)
        pytest.skip(said)


@pytest.fixture(scope="session", autouse=True)
def native() -> None:
    """To be imported by a file of tests that need it."""
    require_native()
