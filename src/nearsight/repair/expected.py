"""How long a repair will take, before it begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nearsight.data import ImageSet, ImageSets
from nearsight.diagnosis.attributes.likened import LIKENING, seconds_of_likening
from nearsight.diagnosis.expected import expected_diagnosis, expected_finding, seconds_of_decision
from nearsight.diagnosis.part import Part
from nearsight.diagnosis.parts import named, with_needs
from nearsight.diagnosis.reasons.part import REASONS
from nearsight.diagnosis.reliance.part import RELIANCE
from nearsight.diagnosis.verdicts.part import VERDICTS
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.progress import SAID_SECONDS, duration
from nearsight.repair.judging import MOST_MOVED
from nearsight.repair.likened import EDITS
from nearsight.runs import Run
from nearsight.settings import Machine
from nearsight.training import fine_tuning
from nearsight.training.batches import training_size
from nearsight.training.step_time import seconds_of_step
from nearsight.training.training_run import total_steps

# The steps of a repair, as its progress calls them.
CHOOSING, FINDING = "finding what to remove", "finding its images"
TRAINING, COMPARING = "training", "comparing"


@dataclass(frozen=True)
class ExpectedRepair:
    """The seconds of a repair: the diagnosis that chooses, 0 if it was given; finding the images that have what it
    found; training; and comparing, with two more diagnoses if they are wanted.
    """

    choosing: float
    finding: float
    training: float
    comparing: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.choosing + self.finding + self.training + self.comparing

    @property
    def steps(self) -> dict[str, float]:
        """The seconds of each step, by what it is for."""
        return {
            CHOOSING: self.choosing,
            FINDING: self.finding,
            TRAINING: self.training,
            COMPARING: self.comparing,
        }

    def sentence(self) -> str:
        """Say it in one line, empty if it is not worth saying.

        >>> ExpectedRepair(120.0, 70.0, 60.0, 80.0).sentence().partition("proven, ")[2]
        '1:10 to find its images, 1:00 of training, 1:20 to compare'
        >>> ExpectedRepair(0.0, 0.0, 60.0, 5.0).sentence()
        'the repair takes about 1:05: 1:00 of training, 0:05 to compare'
        """
        if self.seconds <= SAID_SECONDS:
            return ""
        told = [f"{duration(self.finding)} to find its images"] if self.finding else []
        told += [f"{duration(self.training)} of training", f"{duration(self.comparing)} to compare"]
        first = (
            f"{duration(self.choosing)} to find what to remove; if anything is proven, "
            if self.choosing
            else ""
        )
        return f"the repair takes about {duration(self.seconds)}: {first}{', '.join(told)}"


def parts_of_repair(images: ImageSet) -> list[str]:
    """Return the parts of a diagnosis that a repair needs."""
    return [REASONS.name, VERDICTS.name, *([RELIANCE.name] if images.has_regions else [])]


def expected_repair(
    run: Run,
    sets: ImageSets,
    bound: TiledModel,
    *,
    diagnosed: bool = False,
    finds: bool = True,
    from_scratch: bool = False,
    again: bool = True,
    seed: int = 0,
    machine: Machine | None = None,
) -> ExpectedRepair:
    """Return how long a repair of a bound run takes by training, to within a factor of about two.

    `diagnosed` says that a diagnosis of the training images is there, and `finds` that images with something are to
    be found, which those with a background are not. The other arguments are those of `repair`.
    """
    machine = machine or Machine()
    train, test = sets["train"], sets["test"]

    def of(split: str) -> float:
        images = sets[split]
        found = expected_diagnosis(
            bound,
            images,
            _parts(images),
            others={name: some for name, some in sets.items() if name != split},
            faithfulness=0,
            seed=seed,
            workers=machine.decoding_workers(),
        )
        return found.least

    training = 0.0
    if isinstance(bound.model, Classifier):
        recipe = run.recipe if from_scratch else fine_tuning(run.recipe)
        step = seconds_of_step(
            bound.model.network, recipe, training_size(train, recipe), machine.torch_device()
        )
        training = step * total_steps(recipe, len(train))
    one = seconds_of_decision(bound, train, workers=machine.decoding_workers())
    comparing = 2 * one * (min(MOST_MOVED, len(test)) + (0 if again else len(test)))
    return ExpectedRepair(
        choosing=0.0 if diagnosed else of("train"),
        finding=expected_finding(train, len(test), one) + seconds_of_likening(train, LIKENING, EDITS)
        if finds
        else 0.0,
        training=training,
        comparing=comparing + (2 * of("test") if again else 0.0),
    )


def _parts(images: ImageSet) -> Sequence[Part[Any, Any]]:
    return with_needs(named(parts_of_repair(images)))
