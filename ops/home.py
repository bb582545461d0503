"""Where an ecosystem keeps its state: `.penstock/` beside its documents."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The directory of an ecosystem. `root` holds the documents, `state` what running it leaves behind."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / ".penstock"

    @property
    def run(self) -> Path:
        """Status files and logs of the roles."""
        return self.state / "run"

    @property
    def broker(self) -> Path:
        return self.state / "broker"

    @property
    def store(self) -> Path:
        """The SQLite store."""
        return self.state / "store.db"

    @property
    def kek(self) -> Path:
        """The development KEK."""
        return self.state / "kek"

    def kek_of(self, member: str) -> Path:
        """Return the development KEK of a member, of the ecosystem for the empty name."""
        return self.kek.with_name(f"kek-{member}") if member else self.kek

    @property
    def tokens(self) -> Path:
        """Tokens that `up` issued for the members of an embedded ecosystem, one file a member."""
        return self.state / "tokens"

    @property
    def credentials(self) -> Path:
        """Kafka passwords, one file a principal."""
        return self.state / "credentials"

    def recipient_keys(self, member: str) -> Path:
        """Sealing keys of a member whose recipient reads here too, as in a demonstration."""
        return self.state / "recipient-keys" / member

    def make(self) -> None:
        """Create the state directories, readable by their owner only."""
        for folder in (self.state, self.run, self.tokens, self.credentials):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
