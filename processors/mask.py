"""Mask: part or all of a text is hidden. Lengths count Unicode code points; null stays null."""

from collections.abc import Callable

from ..schemas.safeguard import Mask


def masking(rule: Mask) -> Callable[[str], str]:
    """Return the function from a text to what the rule leaves of it. A text no longer than `keep` is kept whole."""
    keep, at_start = rule.keep, rule.side == "start"

    def kept(text: str) -> str:
        return text[:keep] if at_start else text[max(len(text) - keep, 0) :]

    def redacted(text: str) -> str:
        stars = "*" * max(len(text) - keep, 0)
        return kept(text) + stars if at_start else stars + kept(text)

    return kept if rule.how == "truncate" else redacted
