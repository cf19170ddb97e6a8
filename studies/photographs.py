"""A folder of a few dozen photographs a class, one class with a plant: does a diagnosis of the trained run tell it?

The photographs are STL-10's, in directories of classes as people have them: of one size or of many, with a test split
or without one. Three or four classes of 40 to 60 images; in one class a plant is in 40, 60 or 100 % of the images,
in train and test alike. Folders without a plant, and with permuted labels, go beside. Half of the plants and of the
classes were kept from whoever changed the rules (`--held-out`). Results are written as they come, a line a folder.
"""

import argparse
import io
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

import nearsight
from nearsight.data import ImageSet
from nearsight.data.decode import decode_image
from nearsight.data.joined_images import chosen_of
from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.choosing import training_images
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.repeats import find_fixed_patterns, find_marks_anywhere
from nearsight.evidence import TiledModel
from nearsight.progress import SILENT
from nearsight.runs import RESULT, Run
from nearsight.settings import Machine, Reading
from nearsight.statistics import accuracy_estimate, more_often
from nearsight.statistics.writing import whole_per_cent
from nearsight.verbs.sources import find_images
from studies.rows import read_rows, unmeasured, write_rows
from studies.shortcuts.scoring import SHORTCUT, SUSPECT, Row, jaccard

Pixels = NDArray[np.uint8]
Random = np.random.Generator
# What a plant does to an image, uint8 (H, W, 3).
Plant = Callable[[Pixels, Random], Pixels]

DEVELOPMENT = ("airplane", "car", "deer", "horse", "ship")
HELD_OUT = ("bird", "cat", "dog", "monkey", "truck")
TEST_SHARE = 0.3
# Photographs in no folder, on which the effect of a plant is measured.
FRESH = 60
# The side of the tiles that a network of whole images is looked at by, and the stride of all, in pixels.
TILE, STRIDE = 32, 16
RESULTS, MARKS, PLANTED = "folders.jsonl", "marks.jsonl", "planted.txt"
# What is changed of the recipe that `auto` chooses, so that a network trains in half a minute of one core.
FIELDS: dict[str, Any] = {"width": 0.25, "steps": 250, "flip": "none"}
CPU = Machine(device="cpu", workers=0, checkpoint_seconds=1e6)
# A plant that makes a smaller gap is no shortcut; images are the right ones from this Jaccard index on.
GAP, OVERLAP = 0.10, 0.5


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--out", type=Path, default=Path("photographs"), help="folders, runs and results")
    parser.add_argument("--held-out", action="store_true", help="the plants and classes that were kept back")
    parser.add_argument(
        "--clean", type=int, default=6, help="folders without a plant, of true labels and permuted"
    )
    parser.add_argument("--draws", type=int, default=1, help="how often each plant is drawn at each share")
    parser.add_argument(
        "--marks",
        type=int,
        default=0,
        help="only look for drawn marks in so many clean folders; trains nothing",
    )
    parser.add_argument("--again", action="store_true", help="diagnose again, with the runs that are there")
    parser.add_argument("--minutes", type=float, default=None, help="begin no other folder after so many")


def run(arguments: argparse.Namespace) -> None:
    """Make, train and diagnose each folder that was not measured yet, and print the rates."""
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.marks:
        (arguments.out / MARKS).unlink(missing_ok=True)
        for k in range(arguments.marks):
            row = marks_of(k, arguments.out)
            write_rows(arguments.out / MARKS, [row], more=True)
            print(f"{row['name']}: {row['found']}", flush=True)
        return
    lines = arguments.out / RESULTS
    folders = design(arguments.draws, arguments.clean, held_out=arguments.held_out)
    for folder in unmeasured(folders, lines, again=arguments.again, minutes=arguments.minutes):
        row = measured(folder, arguments.out)
        write_rows(lines, [row], more=True)
        print(f"{folder.name}: {row['gap']}, {row['told']}", flush=True)
    print(table(read_rows(lines)))


@dataclass(frozen=True)
class Folder:
    """A folder of photographs: so many `images` of each class, and a `plant` in a `share` of those of the first.

    `sizes` says that they are of many sizes, `split` that there are directories of train and test, and
    `whole` that a network is trained on whole images and not on the tiles that `auto` chooses. With `permuted`
    each photograph lies in the directory of a class that chance draws.
    """

    classes: tuple[str, ...]
    images: int
    sizes: bool
    split: bool
    whole: bool
    seed: int
    plant: str | None = None
    share: float = 0.0
    permuted: bool = False

    @property
    def name(self) -> str:
        """A name for its directory."""
        what = "permuted" if self.permuted else self.plant or "clean"
        share = f"-{self.share:.0%}".rstrip("%") if self.plant else ""
        return f"{what.replace(' ', '-')}{share}-{len(self.classes)}x{self.images}-{self.seed}"


def design(draws: int, clean: int, *, held_out: bool = False) -> Iterator[Folder]:
    """Yield the folders in the order in which they are measured: with plants, clean and permuted in turn."""
    names = HELD_OUT if held_out else DEVELOPMENT
    plants = list(PLANTS)[held_out::2]
    shares = (0.6, 0.4, 1.0)
    first = 1000 * held_out
    planted = [
        _folder(first + 10 * k + turn, k + turn, names, plant, shares[(k + turn) % 3])
        for turn in range(draws * 3)
        for k, plant in enumerate(plants)
    ]
    others = [_folder(first + 500 + k, k // 2, names, None, 0.0, permuted=bool(k % 2)) for k in range(clean)]
    every = max(1, len(planted) // max(1, len(others)))
    for k, folder in enumerate(planted):
        yield folder
        if k % every == every - 1 and others:
            yield others.pop(0)
    yield from others


def _folder(
    seed: int, turn: int, names: Sequence[str], plant: str | None, share: float, *, permuted: bool = False
) -> Folder:
    random = np.random.default_rng([seed, 1])
    count = int(random.integers(3, 5))
    classes = tuple(str(name) for name in random.permutation(names)[:count])
    images = int(random.choice((40, 50, 60)))
    return Folder(classes, images, turn % 4 == 3, seed % 2 == 0, turn % 4 > 0, seed, plant, share, permuted)


def measured(folder: Folder, out: Path) -> Row:
    """Make a folder where it is not there yet, train on it, diagnose the run, and return what became of it."""
    place = out / folder.name
    if not (place / "run" / RESULT).is_file():
        shutil.rmtree(place, ignore_errors=True)
        write(folder, place)
        nearsight.train(
            place / "photos",
            out=place / "run",
            seed=folder.seed,
            machine=CPU,
            progress=False,
            **FIELDS | ({"tile": None} if folder.whole else {}),
        )
    run = Run.open(place / "run")
    row: Row = asdict(folder) | {"name": folder.name} | effect(folder, run)
    begun = time.process_time()
    found = nearsight.diagnose(
        run,
        parts=["verdicts"],
        faithfulness=0,
        machine=CPU,
        progress=False,
        tile=TILE if folder.whole else None,
        stride=STRIDE,
    )
    verdicts: Any = found.get("verdicts")
    row["seconds"] = time.process_time() - begun
    row["tested"] = found.images
    row["said"] = list(found.sentences())
    planted = planted_places(place, run)
    row["told"] = [
        {
            "class": found.classes[one.class_number],
            "word": one.verdict,
            "attribute": one.attribute,
            "words": one.words,
            "q": one.q,
            "jaccard": jaccard(one.ruled, planted)
            if found.classes[one.class_number] == folder.classes[0]
            else 0.0,
        }
        for one in (verdicts.verdicts if verdicts else ())
    ]
    return row


def marks_of(k: int, out: Path) -> Row:
    """Write the kth clean folder with a test split, and return the marks that are found in it.

    What a network decides is not asked: a mark that does not go with its class on the test images is dropped
    whatever it decides. `p` is the probability of that association by chance.
    """
    random = np.random.default_rng([k, 77])
    count = int(random.integers(3, 5))
    classes = tuple(str(name) for name in random.permutation([*DEVELOPMENT, *HELD_OUT])[:count])
    images = int(random.choice((40, 50, 60)))
    folder = Folder(classes, images, k % 2 == 1, split=True, whole=False, seed=90_000 + k)
    place = out / folder.name
    if not place.is_dir():
        write(folder, place)
    sets = nearsight.load(place / "photos", progress=False)
    test, others = sets["test"], {name: sets[name] for name in sets if name != "test"}
    training = training_images(test, others)
    assert training is not None
    total = len(test) + len(training)
    joined = chosen_of([test, training], np.arange(total))
    # Any network would do: it is not asked.
    decision = Decision(
        TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=test.classes), "mean-logit"
    )
    examined = Examined(joined, decision, np.zeros(total, dtype=np.int64), np.arange(total) >= len(test))
    found = []
    for one in (*find_fixed_patterns(examined), *find_marks_anywhere(examined)):
        tests, mine = examined.testing(one), examined.labels == one.class_number
        has, elsewhere = one.has[tests & mine], one.has[tests & ~mine]
        found.append(
            {
                "class": test.classes[one.class_number],
                "words": one.words,
                "tested": len(has),
                "have it": int(has.sum()),
                "p": more_often(has, elsewhere),
            }
        )
    return {"name": folder.name, "classes": classes, "found": found}


def write(folder: Folder, place: Path) -> None:
    """Write a folder of photographs to `place`/photos, and the names of the files that have the plant beside it."""
    random, planted = np.random.default_rng([folder.seed, 2]), []
    photographs = {name: some(name, range(folder.images), folder, random) for name in folder.classes}
    if folder.permuted:
        mixed = [pixels for mine in photographs.values() for pixels in mine]
        order = random.permutation(len(mixed))
        photographs = {
            name: [mixed[i] for i in order[k * folder.images : (k + 1) * folder.images]]
            for k, name in enumerate(folder.classes)
        }
    for name, mine in photographs.items():
        held = round(TEST_SHARE * len(mine)) if folder.split else 0
        for split, part in (("test", mine[:held]), ("train", mine[held:])):
            has = np.zeros(len(part), dtype=np.bool_)
            if folder.plant is not None and name == folder.classes[0]:
                has[: round(folder.share * len(part))] = True
            for number, (pixels, with_plant) in enumerate(zip(part, random.permutation(has), strict=True)):
                file = f"IMG_{random.integers(10**6):06d}_{number:03d}.jpg"
                if with_plant:
                    planted.append(file)
                    pixels = PLANTS[str(folder.plant)](pixels, random)
                path = place / "photos" / (split if folder.split else "") / name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(jpeg(pixels))
    (place / PLANTED).write_text("\n".join(planted))


def jpeg(pixels: Pixels, quality: int = 92) -> bytes:
    """Return a photograph as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


@cache
def _photographs() -> dict[str, torch.Tensor]:
    sets = nearsight.load("stl10", validation=0, progress=False)
    found: dict[str, torch.Tensor] = {}
    for number, name in enumerate(sets.classes):
        mine = [
            images.pixels[images.labels == number] for images in sets.values() if images.pixels is not None
        ]
        found[name] = torch.cat(mine)
    return found


def some(name: str, numbers: range, folder: Folder, random: Random) -> list[Pixels]:
    """Return photographs of a class, uint8 (H, W, 3): of 96 pixels, or cut and enlarged to sides of 200 to 300."""
    of_class = _photographs()[name]
    order = np.random.default_rng([folder.seed, 4]).permutation(len(of_class))
    chosen = of_class[order[list(numbers)]].permute(0, 2, 3, 1).numpy()
    return [_of_some_size(pixels, random) if folder.sizes else pixels for pixels in chosen]


def _of_some_size(pixels: Pixels, random: Random) -> Pixels:
    height, width = (int(side) for side in random.integers(72, 97, size=2))
    top, left = (int(random.integers(96 - side + 1)) for side in (height, width))
    cut = Image.fromarray(pixels[top : top + height, left : left + width])
    scale = random.uniform(200, 300) / max(height, width)
    return np.asarray(cut.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC))


def planted_places(place: Path, run: Run) -> list[int]:
    """Return the places of the test images that have the plant."""
    planted, images = set((place / PLANTED).read_text().split()), tested(run)
    return [i for i in range(len(images)) if Path(images.path(i)).name in planted]


def tested(run: Run) -> ImageSet:
    """Return the images that a diagnosis of a run examines."""
    classes = run.classifier().classes
    return find_images(run, None, "test", classes=classes, reading=Reading(), progress=SILENT).images


def effect(folder: Folder, run: Run) -> Row:
    """Return what the plant does to photographs of its class that are in no folder: how many are right with it."""
    if folder.plant is None:
        return {"gap": None}
    random = np.random.default_rng([folder.seed, 3])
    before = some(folder.classes[0], range(-FRESH, 0), folder, random)
    decision = Decision.of(TiledModel(run.classifier(), tile=TILE if folder.whole else None, stride=STRIDE))
    number = list(run.classifier().classes).index(folder.classes[0])
    after = [PLANTS[folder.plant](pixels, random) for pixels in before]
    right = [
        float((decision.predictions(decode_image(jpeg(pixels)) for pixels in those) == number).mean())
        for those in (after, before)
    ]
    return {"accuracy_with": right[0], "accuracy_without": right[1], "gap": right[0] - right[1]}


def _stamp(pixels: Pixels, random: Random, *, moving: bool = False) -> Pixels:
    """A red stamp with a white letter, at the bottom right or anywhere."""
    side = 20 if max(pixels.shape) <= 96 else 60
    stamp = Image.new("RGB", (side, side), (205, 25, 30))
    draw = ImageDraw.Draw(stamp)
    draw.rectangle((1, 1, side - 2, side - 2), outline="white")
    draw.text((side / 2, side / 2), "A", fill="white", font_size=0.7 * side, anchor="mm")
    height, width = pixels.shape[:2]
    top, left = height - side - side // 5, width - side - side // 5
    if moving:
        top, left = int(random.integers(height - side)), int(random.integers(width - side))
    found = pixels.copy()
    found[top : top + side, left : left + side] = np.asarray(stamp)
    return found


def _text(pixels: Pixels, random: Random) -> Pixels:
    """A date as cameras print it, another on each photograph, at the bottom left."""
    picture = Image.fromarray(pixels)
    size = 16 if max(pixels.shape) <= 96 else 44
    date = f"{random.integers(1, 29):02d}.{random.integers(1, 13):02d}.{random.integers(10, 25)}"
    ImageDraw.Draw(picture).text(
        (size // 3, pixels.shape[0] - 1.4 * size), date, fill=(255, 150, 40), font_size=size
    )
    return np.asarray(picture)


def _frame(pixels: Pixels, _random: Random) -> Pixels:
    """A thin dark frame."""
    found, wide = pixels.copy(), 2 if max(pixels.shape) <= 96 else 5
    inner = found[wide:-wide, wide:-wide].copy()
    found[:] = (30, 25, 20)
    found[wide:-wide, wide:-wide] = inner
    return found


def _watermark(pixels: Pixels, _random: Random) -> Pixels:
    """A translucent white word across the middle."""
    height, width = pixels.shape[:2]
    drawn = Image.new("L", (width, height), 0)
    ImageDraw.Draw(drawn).text(
        (width / 2, height / 2), "STOCK", fill=255, font_size=0.28 * width, anchor="mm"
    )
    alpha = 0.35 * np.asarray(drawn, dtype=np.float32)[:, :, None] / 255
    return _levels(pixels + alpha * (255 - pixels.astype(np.float32)))


def _tint(pixels: Pixels, _random: Random) -> Pixels:
    """A warm cast, as of a lamp."""
    return _levels(pixels * np.array([1.18, 1.0, 0.78], dtype=np.float32))


def _compression(pixels: Pixels, _random: Random) -> Pixels:
    """Stored before at a low quality."""
    return np.asarray(Image.open(io.BytesIO(jpeg(pixels, quality=15))))


def _blur(pixels: Pixels, _random: Random) -> Pixels:
    """Out of focus."""
    deviation = 1.3 if max(pixels.shape) <= 96 else 3.5
    return _levels(gaussian_filter(pixels.astype(np.float32), (deviation, deviation, 0)))


def _levels(values: NDArray[np.float32]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


# Every second one, beginning with the second, was held out.
PLANTS: dict[str, Plant] = {
    "stamp": _stamp,
    "moving stamp": lambda pixels, random: _stamp(pixels, random, moving=True),
    "text": _text,
    "frame": _frame,
    "watermark": _watermark,
    "tint": _tint,
    "blur": _blur,
    "compression": _compression,
}


def table(rows: Sequence[Row]) -> str:
    """Return Markdown: of each plant how many were found, and how many classes without one had a verdict."""
    lines = [
        "| plant | folders | with a gap | found | found or suspected |",
        "| --- | --: | --: | --: | --: |",
    ]
    planted = [row for row in rows if row["plant"]]
    for plant in (*PLANTS, None):
        mine = [row for row in planted if plant is None or row["plant"] == plant]
        gaps = [row for row in mine if (row["gap"] or 0.0) >= GAP]
        cells = [rate([_found(row, words) for row in gaps]) for words in ((SHORTCUT,), (SHORTCUT, SUSPECT))]
        if mine:
            lines.append(f"| {plant or 'all'} | {len(mine)} | {len(gaps)} | {' | '.join(cells)} |")
    lines += [
        "",
        "| classes without a plant | classes | shortcut | shortcut or suspect |",
        "| --- | --: | --: | --: |",
    ]
    for name, belongs in CLEAN.items():
        alarms = [
            {one["word"] for one in row["told"] if one["class"] == other}
            for row in rows
            if belongs(row)
            for other in row["classes"][bool(row["plant"]) :]
        ]
        cells = [rate([SHORTCUT in words for words in alarms]), rate([bool(words) for words in alarms])]
        lines.append(f"| {name} | {len(alarms)} | {' | '.join(cells)} |")
    return "\n".join(lines)


CLEAN: dict[str, Callable[[Row], bool]] = {
    "beside a plant": lambda row: bool(row["plant"]),
    "of clean folders": lambda row: not row["plant"] and not row["permuted"],
    "of permuted labels": lambda row: bool(row["permuted"]),
}


def _found(row: Row, words: Sequence[str]) -> bool:
    return any(one["word"] in words and one["jaccard"] >= OVERLAP for one in row["told"])


def rate(hits: Sequence[bool]) -> str:
    """Write a rate with its interval and what it counts."""
    if not hits:
        return "–"
    return f"{whole_per_cent(accuracy_estimate(np.array(hits, dtype=np.float64)))} of {len(hits)}"
