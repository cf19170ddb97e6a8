"""How long a repair will take, before it begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nearsight.data import ImageSet, ImageSets
from nearsight.diagnosis.expected import expected_diagnosis
from nearsight.diagnosis.part import Part
from nearsight.diagnosis.parts import named, with_needs
from nearsight.diagnosis.reasons.part import REASONS
from nearsight.diagnosis.reliance.part import RELIANCE
from nearsight.diagnosis.verdicts.part import VERDICTS
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.progress import SAID_SECONDS, duration
from nearsight.runs import Run
from nearsight.settings import Machine
from nearsight.training import fine_tuning
from nearsight.training.batches import training_size
from nearsight.training.step_time import seconds_of_step
from nearsight.training.training_run import total_steps


@dataclass(frozen=True)
class ExpectedRepair:
    """The seconds of a repair: the diagnosis that chooses, 0 if it was given, training, and those that compare."""

    choosing: float
    training: float
    comparing: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.choosing + self.training + self.comparing

    def sentence(self) -> str:
        """Say it in one line, empty if it is not worth saying.

        >>> ExpectedRepair(120.0, 60.0, 80.0).sentence().partition(": ")[2]
        '2:00 to find what to remove; if anything is proven, 1:00 of training, 1:20 to compare'
        >>> ExpectedRepair(0.0, 60.0, 0.0).sentence()
        'the repair takes about 1:00: 1:00 of training'
        """
        if self.seconds <= SAID_SECONDS:
            return ""
        told = [f"{duration(self.training)} of training"]
        told += [f"{duration(self.comparing)} to compare"] if self.comparing else []
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
    from_scratch: bool = False,
    again: bool = True,
    seed: int = 0,
    machine: Machine | None = None,
) -> ExpectedRepair:
    """Return how long a repair of a bound run takes by training, to within a factor of about two.

    `diagnosed` says that a diagnosis of the training images is there. The other arguments are those of `repair`.
    """
    machine = machine or Machine()

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
        size = training_size(sets["train"], recipe)
        step = seconds_of_step(bound.model.network, recipe, size, machine.torch_device())
        training = step * total_steps(recipe, len(sets["train"]))
    return ExpectedRepair(0.0 if diagnosed else of("train"), training, 2 * of("test") if again else 0.0)


def _parts(images: ImageSet) -> Sequence[Part[Any, Any]]:
    return with_needs(named(parts_of_repair(images)))
