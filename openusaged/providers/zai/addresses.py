"""Which hosts serve an account: the global platform's or the mainland's."""

from __future__ import annotations

import urllib.parse
from typing import Final

from openusage_proto.values import dataclass
from openusaged.core.models import Account

CODING_PATH: Final = "/api/coding/paas/v4"
GLOBAL: Final = "https://api.z.ai"
CHINA: Final = "https://open.bigmodel.cn"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where models and where figures are asked for."""

    coding: str
    monitor: str
    is_china: bool

    @property
    def currency(self) -> str:
        """The mainland platform bills in its own currency."""
        return "CNY" if self.is_china else "USD"


def addresses_of(account: Account, plan: str) -> Addresses:
    """
    The account's own base, else the region of its plan or variable.

    A base may be the host, the coding base or the address of the models.
    """
    base = account.base_url.rstrip("/")
    if not base:
        is_china = (
            "china" in plan.lower()
            or account.api_key_env == "ZHIPUAI_API_KEY"
            or account.id == "zhipuai-auto"
        )
        root = CHINA if is_china else GLOBAL
        return Addresses(root + CODING_PATH, root, is_china)
    if "://" not in base:
        base = f"https://{base}"
    parts = urllib.parse.urlsplit(base)
    root = f"{parts.scheme}://{parts.netloc}"
    path = parts.path.rstrip("/").removesuffix("/models")
    if not path or CODING_PATH in path:
        path = CODING_PATH
    is_china = "bigmodel.cn" in parts.netloc or "china" in plan.lower()
    return Addresses(root + path, root, is_china)
