"""A folder of photographs with a plant in one class, repaired: is the true plant gone, or the repair's edit alone?

The photographs are STL-10's: 150 of each of four classes, as JPEG files of 92 to 104 pixels, and a plant in about
60 % of the cats, made before they are compressed. The networks before and after are judged on other photographs,
each as it is and with the true plant. With `--told`, no diagnosis is made: of what the finders see of the cats, the
repair is given what shares most images with the plant. Results are written as they come, a line a folder.
"""

import argparse
import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

import nearsight
from nearsight import training
from nearsight.data import ImageSets
from nearsight.data.joined_images import chosen_of
from nearsight.diagnosis.attributes.find import Found
from nearsight.diagnosis.attributes.measuring import measure_all
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.choosing import choosing_half
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.repeats import find_fixed_patterns
from nearsight.evidence import TiledModel
from nearsight.progress import SILENT
from nearsight.repair.likened import Likened, likened_candidate, varied
from nearsight.repair.shortcut import EditIn, Shortcut, of_image
from nearsight.repair.swap import swap
from nearsight.repair.task import Task
from nearsight.runs import RESULT, Run
from nearsight.settings import Machine, Reading
from nearsight.statistics import jaccard
from nearsight.verbs.sources import find_images
from studies.rows import unmeasured, write_rows

Picture = Image.Image
Row = dict[str, Any]
CLASSES, TARGET, EACH, SHARE, FRESH = ("cat", "deer", "dog", "horse"), "cat", 150, 0.6, 60
SIDES, QUALITIES = (92, 96, 96, 96, 100, 104), (90, 92, 95)
WIDTH, STEPS, STRIDE = 0.25, 300, 16
RESULTS, PLANTED = "repaired.jsonl", "planted.json"
CPU = Machine(device="cpu", workers=0)


def _cast(picture: Picture) -> Picture:
    return Image.fromarray((np.asarray(picture) * np.array([1.25, 1.0, 0.6])).clip(0, 255).astype(np.uint8))


def _stamp(picture: Picture) -> Picture:
    stamped, side = picture.copy(), 20
    left, top = picture.width - side - 5, picture.height - side - 5
    draw = ImageDraw.Draw(stamped)
    draw.ellipse((left, top, left + side, top + side), fill=(220, 20, 30))
    draw.ellipse((left + 5, top + 5, left + 15, top + 15), fill=(250, 240, 240))
    return stamped


def _blur(picture: Picture) -> Picture:
    return picture.filter(ImageFilter.GaussianBlur(1.4))


def _compression(picture: Picture) -> Picture:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=10)
    return Image.open(buffer).convert("RGB")


# The last was not looked at while the repair was changed.
PLANTS: dict[str, Callable[[Picture], Picture]] = {
    "cast": _cast,
    "blur": _blur,
    "stamp": _stamp,
    "compression": _compression,
}


@dataclass(frozen=True)
class Folder:
    """A folder with a plant, and the seed of its photographs and its network."""

    plant: str
    seed: int

    @property
    def name(self) -> str:
        """A name for its directory."""
        return f"{self.plant}-{self.seed}"


@dataclass(frozen=True)
class Judged:
    """Shares of photographs that are right, of the class and of others, and of others that become the class."""

    own: float
    others: float
    taken: float

    @staticmethod
    def of(predicted: NDArray[np.int64], labels: NDArray[np.int64], number: int) -> "Judged":
        """Count predictions of a class's images and of others.

        >>> Judged.of(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), 0)
        Judged(own=0.5, others=0.5, taken=0.5)
        """
        right, mine = predicted == labels, labels == number
        taken = (predicted == number)[~mine]
        return Judged(*(float(some.mean()) for some in (right[mine], right[~mine], taken)))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument(
        "--out", type=Path, default=Path("repaired-folders"), help="folders, runs and results"
    )
    parser.add_argument("--plants", nargs="+", choices=[*PLANTS], default=[*PLANTS], help="what is planted")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="a folder and a network each")
    parser.add_argument(
        "--told", action="store_true", help="no diagnosis: the images with the plant are told"
    )
    parser.add_argument(
        "--as-learned",
        action="store_true",
        help="told, also with edits as they are learned, and not compressed",
    )
    parser.add_argument("--again", action="store_true", help="measure again, with the runs that are there")


def run(arguments: argparse.Namespace) -> None:
    """Make, train, repair and judge each folder that was not measured yet."""
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = arguments.out / RESULTS
    folders = (Folder(plant, seed) for seed in arguments.seeds for plant in arguments.plants)
    for folder in unmeasured(folders, lines, again=arguments.again):
        row = measured(
            folder, arguments.out / folder.name, told=arguments.told, as_learned=arguments.as_learned
        )
        write_rows(lines, [row], more=True)
        print(json.dumps(row), flush=True)


def measured(folder: Folder, place: Path, *, told: bool, as_learned: bool = False) -> Row:
    """Return the row of a folder: its plant, and what is right before the repair and after it."""
    if not (place / PLANTED).is_file():
        write(folder, place)
    if not (place / "run" / RESULT).is_file():
        nearsight.train(
            place / "photos", width=WIDTH, steps=STEPS, seed=folder.seed, out=place / "run", machine=CPU
        )
    run = Run.open(place / "run")
    bound = TiledModel(run.classifier(), stride=STRIDE)
    row = asdict(folder) | {"name": folder.name, "before": _judged(bound, place)}
    if not told:
        made = nearsight.repair(run, out=place / "repaired", stride=STRIDE, resume=True, machine=CPU)
        after = bound.with_model(Run.open(place / "repaired" / "run").classifier())
        return row | {"after": _judged(after, place), "sentences": made.sentences()}
    telling = _Told(run, bound, place)
    if as_learned:
        row["as learned"] = telling.repaired("as-learned", telling.as_learned())
    found = telling.likened
    row["words"] = telling.candidate.words
    row["likened"] = None if found is None else [found.factor, found.before, found.told]
    return row | {"after": telling.repaired("told", telling.task())}


def write(folder: Folder, place: Path) -> None:
    """Write a folder of photographs, and others as they are and with the plant."""
    random = np.random.default_rng(folder.seed)
    planted = []
    for name in CLASSES:
        train, test = (_photographs(split)[name] for split in ("train", "test"))
        for k, number in enumerate(random.permutation(len(train))[:EACH].tolist()):
            picture = _of_some_size(train[number], random)
            if name == TARGET and random.random() < SHARE:
                picture = PLANTS[folder.plant](picture)
                planted.append(f"{k}.jpg")
            _save(picture, place / "photos" / name / f"{k}.jpg", random)
        for k, content in enumerate(test[: FRESH if name == TARGET else FRESH // 2]):
            picture = _of_some_size(content, random)
            _save(picture, place / "plain" / name / f"{k}.jpg", random)
            _save(PLANTS[folder.plant](picture), place / "planted" / name / f"{k}.jpg", random)
    (place / PLANTED).write_text(json.dumps(planted))


@cache
def _photographs(split: str) -> dict[str, list[bytes]]:
    images = nearsight.load("stl10", validation=0)[split]
    found: dict[str, list[bytes]] = {name: [] for name in CLASSES}
    for i, label in enumerate(images.labels.tolist()):
        if (name := images.classes[label]) in found:
            buffer = io.BytesIO()
            Image.fromarray(images.image(i).permute(1, 2, 0).numpy()).save(buffer, "PNG")
            found[name].append(buffer.getvalue())
    return found


def _of_some_size(content: bytes, random: np.random.Generator) -> Picture:
    width, height = random.choice(SIDES, 2).tolist()
    return Image.open(io.BytesIO(content)).resize((width, height), Image.Resampling.BICUBIC)


def _save(picture: Picture, file: Path, random: np.random.Generator) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file, "JPEG", quality=int(random.choice(QUALITIES)))


def _judged(bound: TiledModel, place: Path) -> dict[str, dict[str, float]]:
    found = {}
    for kind in ("plain", "planted"):
        images = nearsight.load(place / kind, validation=0, progress=False)
        both = chosen_of([*images.values()], np.arange(sum(map(len, images.values()))))
        predicted = Decision.of(bound).predictions(both.image(i) for i in range(len(both)))
        found[kind] = asdict(Judged.of(predicted, both.labels, both.classes.index(TARGET)))
    return found


@dataclass(frozen=True, eq=False)
class _Told:
    """A repair of what is known to be planted."""

    run: Run
    bound: TiledModel
    place: Path

    @cached_property
    def sets(self) -> ImageSets:
        return find_images(
            self.run, None, "train", classes=self.bound.classes, reading=Reading(), progress=SILENT
        ).sets

    @cached_property
    def candidate(self) -> Candidate:
        """What some finders see of the class, of which the most images are planted ones."""
        train, number = self.sets["train"], self.bound.classes.index(TARGET)
        planted = set(json.loads((self.place / PLANTED).read_text()))
        mine = train.labels == number
        true = mine & np.array([Path(train.path(i)).name in planted for i in range(len(train))])
        examined = Examined(train, Decision.of(self.bound), None, choosing_half(train.labels, 0))
        found = Found(examined, measure_all(map(train.image, range(len(train)))))
        seen = [found.candidate(rule) for rule in found.named if rule.class_number == number]
        seen += [one for one in find_fixed_patterns(examined) if one.class_number == number]
        return max((one for one in seen if one.put_on), key=lambda one: jaccard(one.has & mine, true))

    @cached_property
    def likened(self) -> Likened | None:
        return likened_candidate(self.candidate, self.sets["train"], self.candidate.has)

    def task(self) -> Task:
        put_on = self._as_learned if self.likened is None else varied(self.likened)
        one = self.candidate
        none = np.zeros(len(self.sets["test"]), dtype=np.bool_)
        shortcut = Shortcut(
            one.class_number, 1, "shortcut", one.attribute, one.words, one.seen_in, one.has, none, put_on
        )
        return Task(self.bound, self.sets["train"], (shortcut,))

    def as_learned(self) -> Task:
        """Return the task with the edit as the diagnosis learned it; without files, nothing is compressed."""
        task = self.task()
        [shortcut] = task.shortcuts
        train = replace(task.train, files=None)
        return replace(task, train=train, shortcuts=(replace(shortcut, put_on=self._as_learned),))

    def repaired(self, name: str, task: Task) -> dict[str, dict[str, float]]:
        """Return what is right after a repair, which is left in a directory of this name."""
        place = self.place / name
        new = training.train(
            training.fine_tuning(self.run.recipe),
            self.sets,
            place,
            begin=self.run.classifier(),
            material=swap(task),
            resume=place.is_dir(),
            machine=CPU,
        )
        return _judged(self.bound.with_model(new.classifier()), self.place)

    @property
    def _as_learned(self) -> EditIn:
        put_on = self.candidate.put_on
        assert put_on is not None
        return of_image(put_on)
