"""Who may come in, and what a page may load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

POLICY = "; ".join(
    (
        "default-src 'self' data: blob:",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",  # JupyterLab's widget manager
        "style-src 'self' 'unsafe-inline'",
        "img-src * data: blob:",
        "media-src * data: blob:",
        "frame-src * data: blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)
"""What a page may load: scripts of this server alone; images, films and frames of any."""


@dataclass(frozen=True)
class Access:
    """Who may come in.

    Attributes:
        hosts: names that the server goes by, besides its own and addresses in numbers.
        token: what a reader's link must show; empty asks nobody.
        learners: how many have a kernel at the same time.
        ancestors: sites, apart from this one, that may show the pages in a frame.
    """

    hosts: Sequence[str] = ()
    token: str = ""
    learners: int = 1
    ancestors: str = ""

    @property
    def query(self) -> str:
        """What stands behind the address that is printed."""
        return f"?token={self.token}" if self.token else ""

    @property
    def headers(self) -> dict[str, str]:
        """What each answer says to the browser."""
        return {
            "Content-Security-Policy": f"{POLICY}; frame-ancestors 'self' {self.ancestors}".strip(),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        }

    def warning(self, host: str) -> str:
        """What to think of before other machines may come in; empty where none can."""
        if self.token or host in ("localhost", "::1") or host.startswith("127."):
            return ""
        return (
            f"Whoever reaches this machine's address may use the lessons (--host {host}): add "
            "--token to let in only those who have the link."
        )
