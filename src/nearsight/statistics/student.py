"""Student's distribution, as needed for intervals."""


def student95(freedom: float) -> float:
    """Return how many standard errors a 95 % interval reaches to either side, by the degrees of freedom.

    >>> [round(student95(freedom), 2) for freedom in (1, 4, 1e9)]
    [12.71, 2.78, 1.96]

    `freedom` need not be whole.
    """
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))
