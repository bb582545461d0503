"""The judge: what must be released to whom, worked out slowly and obviously from the documents alone.

Nothing here imports penstock, and nothing here is fast. Where penstock and the judge differ, one of them is wrong.
"""

from .judge import Withheld, decide, summary
from .view import Encrypted, Noised, Pseudonym, Rekeyed, disagreements, untagged

__all__ = ["Encrypted", "Noised", "Pseudonym", "Rekeyed", "Withheld", "decide", "disagreements", "summary", "untagged"]
