"""What may be shown of a secret."""

from __future__ import annotations

import pytest

from openusaged.detect.findings import mask


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("", ""),
        ("   ", ""),
        ("x", "****"),
        ("a" * 12, "****"),
        ("abcd5678901ij", "abcd...01ij"),
        (" gsk_0123456789f3a \n", "gsk_...9f3a"),
    ],
)
def test_mask(secret: str, shown: str) -> None:
    """Up to twelve characters nothing, beyond that the first and last four."""
    assert mask(secret) == shown
