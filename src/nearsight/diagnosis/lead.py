"""A figure on the first screen: what a reader sees of a diagnosis in half a minute."""

from dataclasses import dataclass

from nearsight.statistics import Estimate
from nearsight.statistics.writing import points


@dataclass(frozen=True)
class Lead:
    """A figure with a short title, what is in brackets beside it, and one short sentence about it.

    >>> lead = Lead.of_share("right", Estimate(0.5, 0.4, 0.6, n=90, chance=0.1), "of 90 images under vote")
    >>> lead.figure, lead.beside
    ('50 %', '40 to 60; chance 10 %')
    >>> lead.line()
    'right: 50 % (40 to 60; chance 10 %) of 90 images under vote'
    """

    title: str
    figure: str
    says: str
    beside: str = ""

    @staticmethod
    def of_share(title: str, share: Estimate, says: str) -> "Lead":
        """Return the figure of a share, with its interval and the value by chance."""
        value = "–" if share.value is None else f"{points(share.value, 0)} %"
        ends = None if share.low is None or share.high is None else (share.low, share.high)
        beside = [] if ends is None else [" to ".join(points(end, 0) for end in ends)]
        if share.chance is not None:
            beside.append(f"chance {100 * share.chance:.2g} %")
        return Lead(title, value, says, "; ".join(beside))

    def line(self) -> str:
        """Return it as one line of text."""
        beside = f" ({self.beside})" if self.beside else ""
        return f"{self.title}: {self.figure}{beside} {self.says}"
