"""The tables of the store. A `wrapped` column holds AES-256-GCM under a store key, bound to its row (`wrapping`)."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table, Text, UniqueConstraint

STORE_VERSION = 3

metadata = MetaData()

versions = Table("penstock_version", metadata, Column("version", Integer, primary_key=True))

store_keys = Table(
    "store_keys",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),  # by the owner's KMS
    Column("owner", String, nullable=False, server_default=""),  # the member whose KMS it is; empty: the ecosystem's
    Column("made_ms", BigInteger, nullable=False, server_default="0"),
    Column("retired_ms", BigInteger),  # since then it wraps nothing new
)

data_key_versions = Table(
    "data_key_versions",
    metadata,
    Column("owner", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", String, primary_key=True),
    Column("store_key", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
)

subjects = Table(
    "subjects",
    metadata,
    Column("subject", LargeBinary, primary_key=True),
    Column("domain", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("store_key", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
)

handles = Table(
    "handles",
    metadata,
    Column("handle", LargeBinary, primary_key=True),
    Column("agreement", String, nullable=False),
    Column("subject", LargeBinary),
    Column("domain", String),
    Column("version", Integer, nullable=False),
    Column("store_key", Integer),
    Column("wrapped", LargeBinary),  # of data without a subject: the key itself
    UniqueConstraint("agreement", "subject", "version"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("member", String, nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Column("id", String, unique=True),  # the digest's first 12 hexadecimal digits: names a token, opens nothing
    Column("scope", String, nullable=False, server_default="keys"),
    Column("label", String, nullable=False, server_default=""),
)

progress = Table(
    "progress",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column("source", String, primary_key=True),
    Column("key_digest", LargeBinary, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("body_digest", LargeBinary, nullable=False),
    Column("body", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False, index=True),
)

credentials = Table(
    "credentials",
    metadata,
    Column("principal", String, primary_key=True),
    Column("issued_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
)

key_hand_outs = Table(
    "key_hand_outs",
    metadata,
    Column("agreement", String, primary_key=True),
    Column("recipient", String, primary_key=True),
    Column("sealing_key", String, primary_key=True),  # empty: handed out as they are
    Column("minute", BigInteger, primary_key=True),  # minutes since 1970
    Column("messages", Integer, nullable=False),
    Column("asked", Integer, nullable=False),
    Column("given", Integer, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
)
