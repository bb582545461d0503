"""Which back end runs: the one that `ecosystem.yaml` names, or the fastest that is installed."""

from ..schemas.ecosystem import BackEnd
from ..schemas.errors import ConfigurationError
from .native.extension import extension

REMEDY = "install penstock[native] (in a clone: make native), or leave back_end out of ecosystem.yaml"


def back_end(named: BackEnd | None) -> BackEnd:
    """Return the back end that runs. Raises ConfigurationError where the one that is named is not installed."""
    if named is None:
        return "native" if extension() else "python"
    if named == "native" and not extension():
        raise ConfigurationError("the back end `native` is not installed", place="ecosystem.yaml", remedy=REMEDY)
    return named
