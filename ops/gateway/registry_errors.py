"""Refusals of the schema registry, with the codes that Confluent's clients know."""

from ...schemas.errors import PenstockError


class RegistryError(PenstockError):
    """A request that the registry refuses: HTTP status, Confluent's error code, one sentence."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = code if code < 1_000 else code // 100


def subject_not_found(subject: str) -> RegistryError:
    return RegistryError(40401, f"Subject '{subject}' not found.")


def version_not_found(version: object) -> RegistryError:
    return RegistryError(40402, f"Version {version} not found.")


def schema_not_found(schema_id: int | None = None) -> RegistryError:
    return RegistryError(40403, "Schema not found" if schema_id is None else f"Schema {schema_id} not found")


def subject_is_deleted(subject: str) -> RegistryError:
    return RegistryError(40404, f"Subject '{subject}' was soft deleted. Set permanent=true to delete permanently")


def subject_is_not_deleted(subject: str) -> RegistryError:
    return RegistryError(40405, f"Subject '{subject}' was not deleted first before being permanently deleted")


def version_is_deleted(subject: str, version: int) -> RegistryError:
    what = f"Subject '{subject}' Version {version}"
    return RegistryError(40406, f"{what} was soft deleted. Set permanent=true to delete permanently")


def version_is_not_deleted(subject: str, version: int) -> RegistryError:
    what = f"Subject '{subject}' Version {version}"
    return RegistryError(40407, f"{what} was not deleted first before being permanently deleted")


def config_not_found(subject: str) -> RegistryError:
    return RegistryError(40408, f"Subject '{subject}' does not have subject-level compatibility configured")


def mode_not_found(subject: str) -> RegistryError:
    return RegistryError(40409, f"Subject '{subject}' does not have subject-level mode configured")


def incompatible(messages: list[str]) -> RegistryError:
    why = "; ".join(messages)
    return RegistryError(409, f"Schema being registered is incompatible with an earlier schema: {why}")


def invalid_schema(why: str) -> RegistryError:
    return RegistryError(42201, f"Invalid schema: {why}")


def invalid_version(version: str) -> RegistryError:
    return RegistryError(42202, f"The specified version '{version}' is not a valid version id: 1 and up, or 'latest'.")


def invalid_compatibility(why: str) -> RegistryError:
    return RegistryError(42203, f"Invalid compatibility level: {why}")


def invalid_mode(why: str) -> RegistryError:
    return RegistryError(42204, f"Invalid mode: {why}")


def not_permitted(why: str) -> RegistryError:
    return RegistryError(42205, why)


def invalid_subject(subject: str) -> RegistryError:
    return RegistryError(42208, f"The specified subject '{subject}' is not a valid subject: no contexts, not empty.")


def not_let_in(status: int, why: str) -> RegistryError:
    return RegistryError(40301 if status == 403 else status, why)


def bad_request(why: str) -> RegistryError:
    return RegistryError(400, why)


def store_failed(why: str) -> RegistryError:
    return RegistryError(50001, f"Error in the backend data store: {why}")
