"""The queries of the dashboard: every metric is read in the way that its kind asks for."""

from bridge.metrics import METRICS

OURS = 'namespace="$namespace",job="$job"'
"""The installation that is chosen above the dashboard; outside Kubernetes the namespace is empty, and so matches."""


def _labels(metric: str) -> list[str]:
    (found,) = [one for one in METRICS if one.name == metric]
    return [label if isinstance(label, str) else label[0] for label in found.labels]


def select(metric: str, suffix: str = "", **matchers: str) -> str:
    """Return a selector: of the installation and the partners that are chosen, and by regular expressions."""
    chosen = [OURS]
    if "partner" in _labels(metric):
        chosen.append('partner=~"$partner"')
    chosen += [f'{name}=~"{value}"' for name, value in matchers.items()]
    return f"bridge_{metric}{suffix}{{{','.join(chosen)}}}"


def per_minute(metric: str, by: str, suffix: str = "", **matchers: str) -> str:
    """Return how often a counter of all replicas counts in a minute."""
    return f"sum by ({by}) (rate({select(metric, suffix, **matchers)}[$__rate_interval])) * 60"


def in_all(metric: str, by: str, **matchers: str) -> str:
    """Return how much a counter of all replicas counted in the time shown."""
    return f"sum by ({by}) (increase({select(metric, **matchers)}[$__range]))"


def level(metric: str, by: str = "", **matchers: str) -> str:
    """Return a gauge that each replica shows alike: one of theirs, then the sum of what it is parted by."""
    own = ", ".join(["namespace", "job", *_labels(metric)])
    alike = f"max by ({own}) ({select(metric, **matchers)})"
    return f"sum by ({by}) ({alike})" if by else f"sum({alike})"


def quantiles(metric: str, by: str = "", **matchers: str) -> tuple[tuple[str, str], ...]:
    """Return how long half, most and nearly all took."""
    also, legend = (f", {by}", f"{{{{{by}}}}} ") if by else ("", "")
    rate = f"sum by (le{also}) (rate({select(metric, '_bucket', **matchers)}[$__rate_interval]))"
    return tuple((f"histogram_quantile(0.{q}, {rate})", f"{legend}p{q}") for q in (50, 95, 99))


def age(metric: str, by: str, **matchers: str) -> str:
    """Return how long ago the oldest instant was that replicas show alike; 0 means that there is none."""
    oldest = f"max by (namespace, job, {by}) ({select(metric, **matchers)})"
    return f"time() - min by ({by}) ({oldest} > 0)"


def process(metric: str) -> str:
    """Return what a process shows of itself."""
    return f"{metric}{{{OURS}}}"
