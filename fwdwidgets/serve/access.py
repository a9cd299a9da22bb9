"""Who may connect, and what a page may load."""

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
"""What a page may load: scripts from this server only; images, media and frames from any."""


@dataclass(frozen=True)
class Access:
    """Who may connect.

    Attributes:
        hosts: names of the server, besides its own and numeric addresses.
        token: the token that a reader's link must contain; empty for none.
        learners: how many may have a kernel at the same time.
        ancestors: sites, besides this one, that may show the pages in a frame.
    """

    hosts: Sequence[str] = ()
    token: str = ""
    learners: int = 1
    ancestors: str = ""

    @property
    def query(self) -> str:
        """The part after the printed address."""
        return f"?token={self.token}" if self.token else ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every response."""
        return {
            "Content-Security-Policy": f"{POLICY}; frame-ancestors 'self' {self.ancestors}".strip(),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        }

    def warning(self, host: str) -> str:
        """A warning if other machines can connect; empty if none can."""
        if self.token or host in ("localhost", "::1") or host.startswith("127."):
            return ""
        return (
            f"Whoever reaches this machine's address may use the lessons (--host {host}): add "
            "--token to let in only those who have the link."
        )
