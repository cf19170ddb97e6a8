"""What a method of repair is given."""

from dataclasses import dataclass

from nearsight.data import ImageSet
from nearsight.evidence import TiledModel
from nearsight.progress import SILENT, Progress
from nearsight.repair.shortcut import BACKGROUND, Shortcut


@dataclass(frozen=True, eq=False)
class Task:
    """The network to repair, bound as it was diagnosed, its training images, and what to remove.

    `column` is the column of `train` whose groups are balanced, if one was named. `seed` fixes everything that a
    method draws.
    """

    bound: TiledModel
    train: ImageSet
    shortcuts: tuple[Shortcut, ...]
    column: str | None = None
    seed: int = 0
    progress: Progress = SILENT

    def name(self, shortcut: Shortcut) -> str:
        """Return the name of a shortcut in messages: its class and number, and its words."""
        number = BACKGROUND if shortcut.seen_in == BACKGROUND else shortcut.number
        return f"{self.train.classes[shortcut.class_number]}:{number} ({shortcut.words})"
