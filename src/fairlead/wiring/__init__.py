"""The one place that knows which implementation is used: builds the process, starts it, and takes it down."""

from fairlead.wiring.lifetime import Running, running, serve
from fairlead.wiring.replaying import journal_fold
from fairlead.wiring.trading import Trading

__all__ = ["Running", "Trading", "journal_fold", "running", "serve"]
