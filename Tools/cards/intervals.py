"""Shares and their intervals."""
import math

Z = 1.959964


def wilson(share, n):
    """The 95 % interval (Wilson) of a share observed over `n` independent scenes.

    >>> tuple(round(bound, 4) for bound in wilson(1.0, 500))
    (0.9924, 1.0)
    >>> tuple(round(bound, 4) for bound in wilson(0.5, 100))
    (0.4038, 0.5962)
    """
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def measured(values, n=None):
    """A share with what its interval needs; `n` where the values are more than the independent scenes they come from."""
    values = list(values)
    return {"share": sum(values) / len(values), "n": n or len(values)}


def percent(share):
    return f"{100 * share:.1f}"


def with_interval(value):
    """"99.2 (98.7–99.5)"."""
    low, high = wilson(value["share"], value["n"])
    return f"{percent(value['share'])} ({percent(low)}–{percent(high)})"


def half_width(value):
    low, high = wilson(value["share"], value["n"])
    return (high - low) / 2
