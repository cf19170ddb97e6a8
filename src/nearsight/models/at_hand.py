"""Whether the published weights of a network are available, without downloading them."""

from pathlib import Path
from typing import Any, Literal

from nearsight.settings.models import TIMM

# "here" are weights on this machine, "there" weights that can be downloaded now. "offline", "silent" and "refused"
# are neither: HF_HUB_OFFLINE forbids to ask the hub, it does not answer, or it answers with an error. "none" are
# weights that nobody has published.
AtHand = Literal["here", "there", "offline", "silent", "refused", "none"]

_FILES = ("model.safetensors", "pytorch_model.bin")
# A hub that does not answer within this many seconds is not waited for.
_PATIENCE = 3.0


def published_weights(name: str) -> AtHand:
    """Say whether timm's weights for a network are here, can be downloaded, or why neither is so.

    >>> published_weights("resnet18"), published_weights("timm:no_such_network")
    ('none', 'none')

    `name` is "timm:NAME" or "timm:local-dir:DIRECTORY". The caches of the hub and of PyTorch are searched, and
    then the hub is asked, for at most three seconds a file; with HF_HUB_OFFLINE it is not asked.
    """
    if not name.startswith(TIMM):
        return "none"
    import timm

    known = name.removeprefix(TIMM)
    if known.startswith("local-dir:"):
        return "here" if Path(known.removeprefix("local-dir:")).is_dir() else "none"
    config: Any = timm.get_pretrained_cfg(known) if timm.is_model(known) else None
    if config is None or not (config.hf_hub_id or config.url):
        return "none"
    return "here" if _is_cached(config) else _asked(config)


def _is_cached(config: Any) -> bool:
    import torch
    from huggingface_hub import try_to_load_from_cache

    held = config.hf_hub_id and any(
        isinstance(try_to_load_from_cache(config.hf_hub_id, file), str) for file in _files(config)
    )
    fetched = config.url and (Path(torch.hub.get_dir()) / "checkpoints" / Path(config.url).name).is_file()
    return bool(config.file or held or fetched)


def _files(config: Any) -> tuple[str, ...]:
    return (config.hf_hub_filename,) if config.hf_hub_filename else _FILES


def _asked(config: Any) -> AtHand:
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    if not config.hf_hub_id:
        return "none"
    if constants.HF_HUB_OFFLINE:
        return "offline"
    for file in _files(config):
        try:
            get_hf_file_metadata(hf_hub_url(config.hf_hub_id, file), timeout=_PATIENCE)
        except HfHubHTTPError:
            # The weights may be there under the other name.
            continue
        except Exception:
            # Networks fail in many ways, and the libraries raise each as an error of its own kind.
            return "silent"
        return "there"
    return "refused"
