"""Wilson: how large a share is at least."""

from __future__ import annotations

import math

from probekit.stats.bootstrap import LEVEL


def least_share(found: int, n: int) -> float:
    """The lower end of the 95% interval of a share, `found` of `n` (Wilson 1927).

    >>> round(least_share(1, 1), 2), round(least_share(50, 100), 2)
    (0.21, 0.4)
    """
    from scipy.special import ndtri

    z = float(ndtri((1 + LEVEL) / 2))
    share = found / n
    spread = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, (share + z**2 / (2 * n) - spread) / (1 + z**2 / n))
