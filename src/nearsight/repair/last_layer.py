"""Last layer: only the head is fitted again, on images balanced over with and without a shortcut."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.decision import Decision
from nearsight.errors import InputError
from nearsight.models import Classifier
from nearsight.numbers import agreeing, counted
from nearsight.repair.edited import edit_image
from nearsight.repair.groups import LEAST_GROUP
from nearsight.repair.head import head_of
from nearsight.repair.shortcut import BACKGROUND, EditIn, Shortcut
from nearsight.repair.task import Task
from nearsight.settings.pooled import MEAN

# Images of a cell (a class with a shortcut, or without it): at most, at least if there are many cells, and of all
# cells together.
CELL, LEAST_CELL, IN_ALL = 250, 25, 10_000
# Draws whose heads are averaged, as Kirichenko and others do.
DRAWS = 10
# Possible weights of the mean loss relative to L2, of which held-out images choose one; the share of images that
# is held out for this, and how many a cell must have there to be judged. The network knows its training images by
# heart, so they would choose ever weaker regularisation, and other images would be lost.
STRENGTHS, CUT, LEAST_JUDGED = (1.0, 10.0, 100.0, 1000.0), 0.25, 5
MOST_STEPS = 300
# The most tiles of an image whose embeddings are averaged, and the images that are embedded at a time.
TILES, TOGETHER = 64, 128


@dataclass(frozen=True, eq=False)
class _Cell:
    """Images of a class with or without a shortcut: places among all embeddings, and the images they come from."""

    class_number: int
    rows: NDArray[np.int64]
    sources: NDArray[np.int64]

    def among(self, wanted: NDArray[np.bool_]) -> "_Cell":
        """Return the cell of the given images, bool (n,)."""
        inside = wanted[self.sources]
        return _Cell(self.class_number, self.rows[inside], self.sources[inside])


def refit_last_layer(task: Task) -> Classifier:
    """Return the classifier with its head fitted again; nothing else in it changes.

    >>> refit_last_layer(task).architecture == task.bound.model.architecture  # doctest: +SKIP
    True

    Deep feature reweighting (Kirichenko, Izmailov and Wilson, ICLR 2023), on training images: logistic regression
    on standardised embeddings of images drawn, with replacement, so that each class has as many with each
    shortcut as without; the result is the mean of `DRAWS` such draws. The strength of L2 is chosen on held-out
    training images, by the worst class with or without a shortcut; then all images are fitted. If a class has too
    few images with a shortcut or without it, more are made by its edits, because a few repeated images do not
    represent a class. If there are none, the class stays as it is, and this is reported. The embedding of an
    image is the one by which it is decided: its own, or, for a network of tiles, the mean over at most `TILES` of
    its tiles.

    Raises `InputError` for a head that is not one linear layer, and for a class without images.
    """
    head = head_of(task.bound)
    classifier = task.bound.model
    assert isinstance(classifier, Classifier)
    _check(task)
    asked, cells = _cells(task)
    embeddings = _embeddings(task, asked)
    fitting = _Fitting(embeddings, len(task.train.classes), intercept=head.bias is not None)
    cut = np.random.default_rng((task.seed, 21)).random(len(task.train)) < CUT
    strength = _chosen_strength(fitting, cells, cut, task.seed)
    task.progress.say(
        f"fitting the last layer on {counted(len(asked), 'image')}; weight of their mean loss against L2, chosen on "
        f"held-out training images: {strength:,.0f}"
    )
    weights = []
    for draw in range(DRAWS):
        weights.append(fitting.fitted(cells, strength, (task.seed, 22, draw)))
        task.progress.count("fitting last layers", draw + 1, DRAWS)
    weight, bias = fitting.unstandardised(np.mean(weights, axis=0))
    return head.replaced(classifier, torch.from_numpy(weight), torch.from_numpy(bias))


def _check(task: Task) -> None:
    if not task.shortcuts:
        raise InputError("there is no shortcut to balance images by; name one with `verdicts`")
    if not Decision.of(task.bound).whole and task.bound.pooling.name != MEAN:
        raise InputError(
            f"the last layer is fitted on means over tiles, and the tiles of this run make one prediction by "
            f"'{task.bound.pooling.name}'; use `method='swap'`"
        )
    counts = np.bincount(task.train.labels, minlength=len(task.train.classes))
    if (counts == 0).any():
        name = task.train.classes[int(counts.argmin())]
        raise InputError(
            f"no training image is of the class '{name}', and the head is fitted for every class; use `method='swap'`"
        )


_Asked = tuple[int, Sequence[EditIn]]


def _cells(task: Task) -> tuple[list[_Asked], list[list[_Cell]]]:
    """Return the images to embed, with their edits, and the cells of each class for each shortcut.

    There is a pair of cells (with, without) for each class and shortcut, or a single cell if one of them cannot
    be obtained. A class of few images has one cell with all of them.
    """
    classes = len(task.train.classes)
    most = min(CELL, max(LEAST_CELL, IN_ALL // (2 * classes * len(task.shortcuts))))
    rows: dict[tuple[int, str], int] = {}
    asked: list[_Asked] = []

    def row(i: int, edits: Sequence[EditIn], name: str) -> int:
        if (i, name) not in rows:
            rows[i, name] = len(asked)
            asked.append((i, edits))
        return rows[i, name]

    found, left = [], []
    for place, shortcut in enumerate(task.shortcuts):
        for number in range(classes):
            random = np.random.default_rng((task.seed, 20, place, number))
            pair = []
            for side, (real, editable, edit) in enumerate(_sides(task, shortcut, number)):
                own = random.permutation(np.flatnonzero(real))[:most]
                made = np.empty(0, dtype=np.int64)
                if edit is not None:
                    made = random.permutation(np.flatnonzero(editable))[: most - len(own)]
                places = [row(i, (), "") for i in own.tolist()]
                if edit is not None:
                    places += [row(i, (edit,), f"{place} {side}") for i in made.tolist()]
                # The few images that a rule misjudges would otherwise stand for half of their class.
                if len(places) >= LEAST_GROUP:
                    pair.append(_Cell(number, np.array(places, dtype=np.int64), np.concatenate([own, made])))
            if not pair:
                every = np.flatnonzero(task.train.labels == number)
                pair.append(_Cell(number, np.array([row(i, (), "") for i in every.tolist()]), every))
            if len(pair) < 2:
                left.append((shortcut, number))
            found.append(pair)
    _say_left(task, left)
    return asked, found


_Side = tuple[NDArray[np.bool_], NDArray[np.bool_], EditIn | None]


def _sides(task: Task, shortcut: Shortcut, number: int) -> tuple[_Side, _Side]:
    """Return which images of a class have a shortcut, which can be given one, and how; and the same without it.

    For a background, each image is used as it is, or is edited to have another class's.
    """
    mine = task.train.labels == number
    having, without = mine & shortcut.in_train, mine & ~shortcut.in_train
    if shortcut.seen_in == BACKGROUND:
        none = np.zeros_like(mine)
        return (mine, none, None), (none, mine, shortcut.put_on)
    return (having, without, shortcut.put_on), (without, having, shortcut.take_off)


def _say_left(task: Task, left: Sequence[tuple[Shortcut, int]]) -> None:
    for shortcut in task.shortcuts:
        mine = [number for one, number in left if one is shortcut]
        if shortcut.class_number in mine:
            task.progress.warn(
                f"{task.name(shortcut)}: its class has no images with it, or none without it, and they cannot be "
                "made, so that class is fitted as it is"
            )
        if others := len(set(mine) - {shortcut.class_number}):
            task.progress.say(
                f"{task.name(shortcut)}: {counted(others, 'other class', 'other classes')} "
                f"{agreeing(others, 'lacks', 'lack')} images with it or without it, and "
                f"{agreeing(others, 'is', 'are')} fitted as {agreeing(others, 'it is', 'they are')}"
            )


def _embeddings(task: Task, asked: Sequence[_Asked]) -> NDArray[np.float64]:
    """Return the embedding by which each image is decided, (images, features)."""
    found = []
    for start in range(0, len(asked), TOGETHER):
        some = asked[start : start + TOGETHER]
        pictures = [task.bound.resize(edit_image(task.train, i, edits)) for i, edits in some]
        found.append(
            _of_whole(task, pictures) if Decision.of(task.bound).whole else _of_tiles(task, pictures)
        )
        task.progress.count("embedding images", start + len(some), len(asked))
    return torch.cat(found).double().numpy()


def _of_whole(task: Task, pictures: Sequence[Tensor]) -> Tensor:
    preprocessing = task.bound.preprocessing
    seen = pictures if preprocessing is None else [preprocessing.cut_whole(picture) for picture in pictures]
    return torch.cat([task.bound.embed(some) for _, some in groupby(seen, lambda picture: picture.shape)])


def _of_tiles(task: Task, pictures: Sequence[Tensor]) -> Tensor:
    tile = task.bound.require_tile()
    half = task.bound.at(tile, max(1, tile // 2))
    random = np.random.default_rng((task.seed, 23))
    tiles, counts = [], []
    for picture in pictures:
        grid = half.grid_of(picture)
        corners = [(top, left) for top in grid.tops for left in grid.lefts]
        chosen = random.permutation(len(corners))[:TILES].tolist()
        tiles += [
            picture[:, top : top + tile, left : left + tile] for top, left in map(corners.__getitem__, chosen)
        ]
        counts.append(len(chosen))
    return torch.stack([some.mean(0) for some in torch.split(half.embed(tiles), counts)])


@dataclass(frozen=True, eq=False)
class _Fitting:
    """Logistic regression on standardised embeddings, (images, features), for a number of classes.

    Without an `intercept`, embeddings are scaled but not centred, because a head without a bias cannot absorb a
    mean.
    """

    embeddings: NDArray[np.float64]
    classes: int
    intercept: bool

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """The means that are subtracted from embeddings, (features,)."""
        found: NDArray[np.float64] = (
            self.embeddings.mean(0) if self.intercept else np.zeros(self.embeddings.shape[1])
        )
        return found

    @cached_property
    def scale(self) -> NDArray[np.float64]:
        """The deviations by which they are then divided, (features,); 1 if all values are equal."""
        spread = np.sqrt(((self.embeddings - self.mean) ** 2).mean(0))
        return np.where(spread > 0, spread, 1.0)

    def standardised(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the embeddings of some images in the form in which they are fitted."""
        found: NDArray[np.float64] = (self.embeddings[rows] - self.mean) / self.scale
        return found

    def fitted(
        self, pairs: Sequence[Sequence[_Cell]], strength: float, seed: tuple[int, ...]
    ) -> NDArray[np.float64]:
        """Return the weights and, last, the bias of each class, (classes, features + 1), fitted on one draw."""
        from sklearn.linear_model import LogisticRegression

        random = np.random.default_rng(seed)
        size = max(len(cell.rows) for pair in pairs for cell in pair)
        drawn = [
            (cell.class_number, random.choice(cell.rows, 2 * size // len(pair)))
            for pair in pairs
            for cell in pair
        ]
        rows = np.concatenate([places for _, places in drawn])
        labels = np.concatenate([np.full(len(places), number) for number, places in drawn])
        model = LogisticRegression(C=strength / len(rows), fit_intercept=self.intercept, max_iter=MOST_STEPS)
        with warnings.catch_warnings():
            # A fit that has not quite converged after this many steps is good enough, and the held-out images
            # judge it.
            warnings.simplefilter("ignore")
            model.fit(self.standardised(rows), labels)
        weights = np.concatenate(
            [model.coef_, np.zeros((len(model.coef_), 1)) + model.intercept_[:, None]], axis=1
        )
        if len(weights) == 1:
            weights = np.concatenate([-weights / 2, weights / 2])
        found = np.zeros((self.classes, weights.shape[1]))
        found[model.classes_] = weights
        return found

    def right(self, weights: NDArray[np.float64], cell: _Cell) -> float:
        """Return the share of a cell's images that are right."""
        scores = self.standardised(cell.rows) @ weights[:, :-1].T + weights[:, -1]
        return float((scores.argmax(1) == cell.class_number).mean())

    def unstandardised(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return weights (classes, features) and bias (classes,) for unchanged embeddings."""
        plain = weights[:, :-1] / self.scale
        return plain, weights[:, -1] - plain @ self.mean


def _chosen_strength(
    fitting: _Fitting, pairs: Sequence[Sequence[_Cell]], cut: NDArray[np.bool_], seed: int
) -> float:
    """Return the strength that is best for the worst held-out cell, then for the mean of all, then the strongest."""
    kept = [pair for pair in (_among(pair, ~cut) for pair in pairs) if pair]
    judged = [cell for pair in pairs for cell in _among(pair, cut) if len(cell.rows) >= LEAST_JUDGED]
    if not judged or not kept or len({cell.class_number for pair in kept for cell in pair}) < 2:
        return STRENGTHS[0]
    scores = []
    for strength in STRENGTHS:
        weights = fitting.fitted(kept, strength, (seed, 24))
        right = [fitting.right(weights, cell) for cell in judged]
        scores.append((min(right), float(np.mean(right))))
    return STRENGTHS[max(range(len(STRENGTHS)), key=lambda place: scores[place])]


def _among(pair: Sequence[_Cell], wanted: NDArray[np.bool_]) -> list[_Cell]:
    return [cell for cell in (each.among(wanted) for each in pair) if len(cell.rows)]
