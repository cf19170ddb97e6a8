"""Other methods for finding such things, on the same networks and images, used as their users would use them."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from nearsight.evidence import TiledModel
from studies.shortcuts.networks import Planted
from studies.shortcuts.scoring import SHORTCUT, Told

# Cells per side to which a relevance map is pooled; numbers of clusters that are tried; least share of a class
# for a cluster.
CELLS, CLUSTERS, LEAST = 8, 5, 0.05
# Domino, with its authors' settings.
SLICES, COMPONENTS, WEIGHT = 25, 128, 10.0


def gradient_clusters(bound: TiledModel, planted: Planted) -> Iterator[Told]:
    """Spectral relevance analysis (Lapuschkin et al. 2019) on gradient × input.

    Maps of a class are clustered, into as many clusters as the largest gap of the eigenvalues says; each cluster
    except the largest is a candidate.
    """
    from sklearn.cluster import SpectralClustering
    from sklearn.neighbors import kneighbors_graph

    maps = _gradient_maps(bound, planted)
    for number in range(len(planted.test.classes)):
        mine = np.flatnonzero(planted.test.labels == number)
        graph = kneighbors_graph(maps[mine], min(10, len(mine) - 1))
        affinity = 0.5 * (graph + graph.T).toarray()
        degree = affinity.sum(1)
        laplacian = np.eye(len(mine)) - affinity / np.sqrt(degree[:, None] * degree)
        values = np.linalg.eigvalsh(laplacian)[: CLUSTERS + 1]
        clusters = int(np.diff(values).argmax()) + 1
        if clusters < 2:
            continue
        found = SpectralClustering(clusters, affinity="precomputed", random_state=0).fit_predict(affinity)
        yield from _candidates(number, mine, found)


def _gradient_maps(bound: TiledModel, planted: Planted) -> NDArray[np.float32]:
    assert planted.test.pixels is not None
    assert bound.module is not None
    found = []
    for images, labels in zip(
        planted.test.pixels.split(100), torch.from_numpy(planted.test.labels).split(100), strict=True
    ):
        given = torch.stack([bound.prepare(image) for image in images]).requires_grad_()
        logits = bound.module(given).gather(1, labels[:, None]).sum()
        (gradient,) = torch.autograd.grad(logits, given)
        relevance = (gradient * given).sum(1, keepdim=True).detach().clamp(min=0)
        pooled = torch.nn.functional.adaptive_avg_pool2d(relevance, CELLS).flatten(1)
        found.append(pooled / pooled.norm(dim=1, keepdim=True).clamp(min=1e-12))
    maps: NDArray[np.float32] = torch.cat(found).numpy()
    return maps


def slices(bound: TiledModel, planted: Planted, scores: NDArray[np.float32]) -> Iterator[Told]:
    """Domino (Eyuboglu et al. 2022): a mixture of normal distributions on embedding, label and prediction.

    The embedding is the network's own, of the middle of an image if it reads tiles. The images of a slice's most
    common class are a candidate.
    """
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    assert planted.test.pixels is not None
    labels = planted.test.labels
    prepared = [bound.prepare(image) for image in planted.test.pixels]
    embedded = bound.embed(iter(prepared)).numpy()
    reduced = PCA(min(COMPONENTS, *embedded.shape), random_state=0).fit_transform(embedded)
    reduced /= reduced.std()
    probabilities = torch.softmax(torch.from_numpy(scores), 1).numpy()
    known = np.eye(len(planted.test.classes))[labels]
    parts = np.concatenate([reduced, WEIGHT * known, WEIGHT * probabilities], axis=1)
    mixture = GaussianMixture(SLICES, covariance_type="diag", reg_covar=1e-3, random_state=0)
    found = mixture.fit_predict(parts)
    for number in np.unique(found):
        inside = np.flatnonzero(found == number)
        commonest = int(np.bincount(labels[inside]).argmax())
        mine = inside[labels[inside] == commonest]
        if len(mine) < (labels == commonest).sum():
            yield Told(commonest, SHORTCUT, "slice", "slice", tuple(mine.tolist()))


def spurious_correlations(planted: Planted) -> Iterator[Told]:
    """Cleanlab's Datalab: properties of images that reveal the label, over all classes together.

    It names a property but neither class nor images. So the candidate is what CleanVision marks for that
    property, in the class in which it is most common, as for a slice.
    """
    from cleanlab import Datalab
    from cleanlab.datalab.internal.adapter.constants import DEFAULT_CLEANVISION_ISSUES
    from datasets import ClassLabel, Dataset, Features, Image
    from PIL import Image as Pillow

    assert planted.test.pixels is not None
    labels = planted.test.labels
    data = Dataset.from_dict(
        {
            "image": [Pillow.fromarray(image.permute(1, 2, 0).numpy()) for image in planted.test.pixels],
            "label": labels.tolist(),
        },
        features=Features({"image": Image(), "label": ClassLabel(names=list(planted.test.classes))}),
    )
    lab = Datalab(data, label_name="label", image_key="image", verbosity=0)
    lab.find_issues(
        issue_types={"image_issue_types": DEFAULT_CLEANVISION_ISSUES, "spurious_correlations": {}}
    )
    scores, marked = lab.get_info("spurious_correlations"), lab.get_issues()
    for one in scores["correlations_df"].to_dict("records"):
        name = one["property"].removesuffix("_score")
        inside = np.flatnonzero(marked[f"is_{name}_issue"].to_numpy(dtype=np.bool_))
        if one["score"] < scores["threshold"] and len(inside):
            commonest = int(np.bincount(labels[inside]).argmax())
            mine = inside[labels[inside] == commonest]
            yield Told(commonest, SHORTCUT, name, name.replace("_", " "), tuple(mine.tolist()))


def _candidates(number: int, mine: NDArray[np.int64], cluster: NDArray[np.int64]) -> Iterator[Told]:
    sizes = np.bincount(cluster)
    for one in range(len(sizes)):
        if one != sizes.argmax() and sizes[one] >= LEAST * len(mine):
            yield Told(number, SHORTCUT, "cluster", "cluster", tuple(mine[cluster == one].tolist()))
