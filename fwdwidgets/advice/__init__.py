"""What an error or a NaN means and what would help, in sentences. Imports only PyTorch."""

from fwdwidgets.advice.diagnose import (
    check_output,
    explain_failure,
    explain_nonfinite,
    first_nonfinite,
)

__all__ = ["check_output", "explain_failure", "explain_nonfinite", "first_nonfinite"]
