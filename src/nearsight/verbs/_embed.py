"""Write the embeddings of tiles."""

from pathlib import Path
from typing import Unpack

from nearsight.data import Data
from nearsight.data.decode import allowed_pixels
from nearsight.errors import InputError
from nearsight.evaluation.embedding_file import write_embeddings
from nearsight.progress import Progress, watched
from nearsight.settings import Machine, Reading
from nearsight.settings.choices import DEFAULT_SPLIT
from nearsight.shortage import tells_of_memory
from nearsight.signatures import fields_of, takes_fields_of, without_fields_of
from nearsight.together import all_processes
from nearsight.verbs.binding import Binding, LookingOptions
from nearsight.verbs.sources import AnyModel, as_trained, find_images, model_name, opened_run
from nearsight.write import keep_inputs


@takes_fields_of(Binding, Reading)
@tells_of_memory("embedding tiles", "memory", "workers")
def embed(
    model: AnyModel,
    data: Data | None = None,
    *,
    out: str | Path,
    split: str = DEFAULT_SPLIT,
    machine: Machine | None = None,
    progress: Progress | bool = True,
    **options: Unpack[LookingOptions],
) -> Path:
    """Write the embedding of every tile of a split as Parquet, with its image, place and label; return the path.

    >>> import tempfile, torch
    >>> from pyarrow import parquet
    >>> red, green = torch.tensor([[255, 0, 0], [0, 255, 0]], dtype=torch.uint8)[..., None, None].expand(2, 3, 8, 8)
    >>> made = embed(
    ...     lambda tiles: tiles.mean((2, 3)),
    ...     ([red, green], [0, 1]),
    ...     classes="red,green,blue",
    ...     tile=4,
    ...     stride=4,
    ...     out=Path(tempfile.mkdtemp()) / "tiles.parquet",
    ...     progress=False,
    ... )
    >>> parquet.read_table(made).slice(4, 1).to_pylist()[0]["embedding"]
    [0.0, 1.0, 0.0]

    The embedding is what the network's logits are made of: the input of its last matrix product. The columns are
    `image`, the number of the image in the split; its `path`, `label` and `class`; `top` and `left` of the tile, in
    pixels of the image as the network sees it; and `embedding`, float32. The model, tile, stride and split are in the
    file's metadata (`nearsight`, JSON). Rows are written as they are made, so memory does not grow with the set.
    Until the file is whole they are in OUT.parts, with which the same call continues after an interruption.

    `model`, `data`, `split` and the other options are those of `evaluate`, and `stride` and `grid` say which tiles.
    `progress=False` shows nothing; a `Progress` object gets the messages instead. Raises `InputError` for bad input,
    for an `out` that does not end in .parquet or is a file of the data, and for `skip_blank`, as every tile is
    embedded.
    """
    path = Path(out)
    if path.suffix != ".parquet":
        raise InputError(f"out must end in .parquet, got {path}")
    run, reading = opened_run(model), Reading(**fields_of(Reading, options))
    binding = Binding(machine=machine, **without_fields_of(Reading, options))
    if binding.skip_blank is not None:
        raise InputError(
            "`skip_blank` does not go with embeddings, which are made of every tile; leave it out"
        )
    bound = binding.bind(run or model)
    with watched(progress) as channel, allowed_pixels(reading.max_pixels), all_processes() as processes:
        found = find_images(
            run or model,
            data,
            split,
            classes=bound.classes,
            reading=as_trained(reading, bound),
            progress=channel,
        )
        source = run.recipe.data if data is None and run is not None else data
        keep_inputs(path, [source] if isinstance(source, str | Path) else [])
        for note in bound.notes:
            channel.warn(note)
        tile, stride = bound.sides()
        facts = {
            "model": model_name(model),
            "split": split,
            "tile": tile,
            "stride": stride,
            "grid": bound.grid,
        }
        write_embeddings(
            path,
            bound,
            found.images,
            facts,
            workers=(machine or Machine()).decoding_workers(),
            processes=processes,
            progress=channel,
        )
    return path
