"""What distinguishes the weights of one network from those of another."""

from hashlib import blake2b

import torch
from torch import nn


def digest_of_weights(network: nn.Module) -> str | None:
    """Return a digest of a network's weights, whatever file they are in; None if it has none.

    >>> torch.manual_seed(0) is not None
    True
    >>> one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    >>> digest_of_weights(one) == digest_of_weights(other)
    False
    >>> _ = other.load_state_dict(one.state_dict())
    >>> digest_of_weights(one) == digest_of_weights(other), digest_of_weights(nn.Identity())
    (True, None)

    Parameters and buffers count by their names, dtypes, shapes and bytes, wherever they are: BLAKE2b of 128 bits.
    """
    held = network.state_dict()
    if not held:
        return None
    digest = blake2b(digest_size=16)
    for name, tensor in held.items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
