"""A part of a diagnosis: what it observes and measures, and how it presents this in tables, words and pictures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.lead import Lead
from nearsight.diagnosis.look import Look
from nearsight.diagnosis.pictures import Picture
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import Table

Seen = TypeVar("Seen")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Nothing:
    """Why a part can say nothing about a subject, as a sentence without its full stop."""

    why: str


@dataclass(frozen=True, kw_only=True, repr=False)
class Part(Generic[Seen, Found]):
    """One part of a diagnosis. It is a folder of its own, with its section of the page, `section.html.j2`.

    >>> def measure(subject, seen):
    ...     return Counted(max(seen))
    >>> @dataclass(frozen=True)
    ... class Counted:
    ...     most: int
    >>> most = Part(
    ...     package="nearsight.diagnosis.counted",
    ...     title="The most tiles",
    ...     found=Counted,
    ...     observe=lambda look: look.evidence.logits[0].numel(),
    ...     measure=measure,
    ...     sentences=lambda found, about: [f"no image has more than {found.most} tiles"],
    ... )
    >>> most.name, list(most.sentences(Counted(9), None))
    ('counted', ['no image has more than 9 tiles'])
    >>> most
    Part(counted)

    `package` is the folder, as `__package__` gives it. Its last part is the part's `name`, under which its
    findings are in a diagnosis and its section is on the page. `words` say in a line of progress what it finds, if
    its name does not. `found` is the type of what it finds: a frozen
    dataclass of plain values, estimates, tensors and such dataclasses. Files are read back as this type.

    `observe` is given each image in the one pass over the evidence maps, and returns a small record, or None.
    `measure` is given the subject and these records, in order, and returns what was found, or `Nothing` with the
    reason.
    `leads` are its figures on the first screen, which its folder may draw differently in a template
    `first.html.j2`. `sentences` say all of it, above its section. `pictures` are those that the page shows; only
    these are kept with a saved diagnosis. `needs` are the names of parts whose findings `measure` uses; they are
    measured before it, even if they are not kept. Of several processes, one measures a part that is measured
    `alone`, after the others, while the rest measure other such parts; all other parts run in every process.
    """

    package: str
    title: str
    words: str = ""
    found: type[Found]
    measure: Callable[[Subject, Sequence[Seen]], Found | Nothing]
    observe: Callable[[Look], Seen | None] | None = None
    tables: tuple[Table[Found], ...] = ()
    leads: Callable[[Found, Findings], Iterable[Lead]] = lambda _found, _about: ()
    sentences: Callable[[Found, Findings], Iterable[str]] = lambda _found, _about: ()
    pictures: Callable[[Found, Findings], Iterable[Picture]] = lambda _found, _about: ()
    needs: tuple[str, ...] = ()
    alone: bool = False

    def __repr__(self) -> str:
        return f"Part({self.name})"

    @property
    def name(self) -> str:
        """The part's key in a diagnosis and its files, and its section on the page."""
        return self.package.rpartition(".")[2]

    def of(self, findings: Mapping[str, Any]) -> Found | None:
        """Return what the part found, from the findings of several parts by name; None if it found nothing."""
        found: Found | None = findings.get(self.name)
        return found
