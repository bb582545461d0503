"""What reading JSON as an Avro type refuses, in the words of a refusal: which field, what it wants, never the value."""

from collections.abc import Callable, Mapping
from typing import Any

from .avro_encode import Unfit
from .errors import RecordError
from .reasons import Refusal


class Columns(Unfit):
    """The fields are not those of the record."""


def refusing(convert: Callable[[Any], Any]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return `convert` for whole records: it raises RecordError, `columns` or `type`, instead of Unfit."""

    def to_event(value: Any) -> dict[str, Any]:
        try:
            event: dict[str, Any] = convert(value)
        except Unfit as unfit:
            reason = Refusal.COLUMNS if isinstance(unfit, Columns) else Refusal.TYPE
            field = ".".join(reversed(unfit.path)).replace(".[]", "[]").replace(".{}", "{}")
            message = f"field `{field}` wants {unfit.wanted}" if field else f"the record wants {unfit.wanted}"
        except RecursionError:
            reason, message = Refusal.TYPE, "the record is nested too deeply"
        else:
            return event
        # Outside the handler, so that nothing of the value hangs on to the error.
        raise RecordError(reason, message)

    return to_event
