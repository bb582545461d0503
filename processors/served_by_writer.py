"""The compiled programs of a lane, by the head of the records that they are for."""

from collections.abc import Sequence

from ..schemas.confluent_wire import claimed_schema_id, frame
from ..schemas.contract import DataContract
from .compiled.written import Wanted, Written, compile_written
from .decoding import Decoder
from .keys import referencing
from .served import Served


class ByWriter:
    """Compiles for a writer schema once; `off`: for none."""

    def __init__(
        self, contract: DataContract, decoder: Decoder, served: Sequence[Served], secret: bytes, *, off: bool
    ) -> None:
        self._contract = contract
        self._decoder = decoder
        self._served = served
        self._reference = referencing(secret)
        self._off = off
        self._found: dict[bytes, Written | None] = {}

    def get(self, head: bytes) -> Written | None:
        """Return what is compiled for records that begin with `head`; None: the slow path has the word.

        Compiles where the schema is one that the generation brought. Raises DocumentError as `compile_view` does.
        """
        if head in self._found:
            return self._found[head]
        claimed = claimed_schema_id(head)
        return None if claimed is None or not self._decoder.knows(claimed) else self.of(claimed)

    def of(self, schema_id: int) -> Written | None:
        """Compile for a writer schema. Raises DocumentError as `compile_view` does."""
        head = frame(schema_id, b"")
        if self._off:
            self._found[head] = None
        if head not in self._found:
            schema = self._decoder.schema(schema_id)
            wanted = [
                Wanted(one.program(schema_id), one.held.view_schema, one.held.view_schema_id) for one in self._served
            ]
            self._found[head] = compile_written(self._contract, schema_id, schema, wanted, self._reference)
        return self._found.get(head)
