"""The error family. A message names the place and the remedy, and never holds a field's value (law 5)."""


class PenstockError(Exception):
    """Root of every error that Penstock raises on purpose.

    `place` says where (file:line, topic/partition/offset, host:port); `remedy` says what to do about it.
    `exit_code` is what the command line ends with.
    """

    exit_code = 1

    def __init__(self, message: str, *, place: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.remedy = remedy

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        how = f" - {self.remedy}" if self.remedy else ""
        return f"{where}{self.message}{how}"


class DocumentError(PenstockError):
    """The documents of an ecosystem are not fit to be used; every problem found is in the message."""

    exit_code = 2


class ConfigurationError(PenstockError):
    """A setting, an argument or this machine does not allow what was asked."""

    exit_code = 3


class UnavailableError(PenstockError):
    """A broker, registry, gateway, store or KMS does not answer; the same call may succeed later."""

    exit_code = 4


class RefusedError(PenstockError):
    """Somebody may not do this: wrong token, missing signature, foreign key."""

    exit_code = 5


class RecordError(PenstockError):
    """One record is unfit and goes to quarantine under `reason`; its neighbours go on."""

    def __init__(self, reason: str, message: str, *, place: str = "", remedy: str = "") -> None:
        super().__init__(message, place=place, remedy=remedy)
        self.reason = reason


class KeyUnavailableError(PenstockError):
    """A key that this release or reading needs is not to be had: the release is withheld, never made in clear."""


class OwnerKeysError(KeyUnavailableError):
    """The KMS of one member gives no keys: what is protected under them waits, and nobody else does."""


class AgreementKeyError(KeyUnavailableError):
    """The keys that an agreement needs are not to be had; `place` is the agreement, `agreements` all that lack theirs.

    A single key of a data subject that is missing is none of these: without the agreement the batch can be done.
    """

    def __init__(self, message: str, *, place: str, remedy: str = "", agreements: tuple[str, ...] = ()) -> None:
        super().__init__(message, place=place, remedy=remedy)
        self.agreements = agreements or (place,)


class RoleExit(PenstockError):  # noqa: N818 - an instruction to the process, not a fault report
    """This role's process must end and be started again in the same slot (fenced, fatal client error)."""

    exit_code = 6
