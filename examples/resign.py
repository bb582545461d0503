"""Give every member of an example a new key, and sign every agreement for both sides.

    python examples/resign.py cross-border-tax

In earnest each body makes its own key where only it can read it (`penstock agreements keygen`) and signs alone. Here
the private keys live in a temporary directory while this runs and are then gone: nobody can sign with them again, so
a changed agreement needs a new run, which replaces all keys and signatures.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

from penstock.ops.documents.load import load
from penstock.ops.documents.sign import keygen, sign

EXAMPLES = Path(__file__).resolve().parent


def with_key(charter: str, member: str, public: str) -> str:
    """Return the charter's text with this public key below the member, its former key gone."""
    entry = re.compile(rf"(  - id: {re.escape(member)}\n(?:    (?!public_key:).*\n)*)(?:    public_key:.*\n)?")
    changed, times = entry.subn(rf"\g<1>    public_key: {public}\n", charter)
    if times != 1:
        message = f"the charter has no member {member}, or has it twice"
        raise SystemExit(message)
    return changed


def resign(directory: Path) -> int:
    """Replace every key and signature below `directory`; return how many signatures there are now."""
    for old in (directory / "agreements").glob("*.signatures.yaml"):
        old.unlink()
    charter = directory / "charter.yaml"
    with tempfile.TemporaryDirectory() as forgotten:
        keys = Path(forgotten)
        text = charter.read_text()
        for member in load(directory).charter.members:
            text = with_key(text, member.id, keygen(keys / member.id))
        charter.write_text(text)
        agreements = load(directory).agreements
        for name, agreement in agreements.items():
            for member in (agreement.provider, agreement.recipient):
                sign(directory, name, member, keys / member)
    return 2 * len(agreements)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Give every member of an example a new key, and sign for all.")
    parser.add_argument("example")
    count = resign(EXAMPLES / parser.parse_args().example)
    print(f"{count} signatures; the private keys are gone", file=sys.stderr)
