"""`python -m benchmarks mining-scores`: JPEGs to scores and embeddings, against a script with Pillow and PyTorch."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.contest import Contender, Result, contest
from benchmarks.pictures import NAME, Choice, build, described, written
from benchmarks.predict import MANY, MEAN, STD, untrained
from benchmarks.scripts import opponent
from roadloop.errors import RoadloopError
from roadloop.imaging.decode import decode_image
from roadloop.models import backend
from roadloop.models.encoder import Encoder
from roadloop.models.load import load_model
from roadloop.models.manner import PLAIN
from roadloop.models.predict import Network, on_each
from roadloop.models.stages import devices
from roadloop.networks.trust import SHIPPED
from roadloop.selection.scoring import Scorer, score
from roadloop.tracks.records import TrackPoint

Found = dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]  # file -> (scores, embedding)
METHOD = "margin"


def race(choice: Choice, rounds: int, network: str, threads: int, classes: int) -> Result:
    """Score all pictures: roadloop as a mining would, roadloop with PyTorch alone, and the script.

    Roadloop also takes each picture's fingerprint, as a mining does.

    Args:
        choice: The pictures.
        rounds: Times that each side runs.
        network: A shipped one.
        threads: CPU threads of either side.
        classes: How many are aimed at.
    """
    cv2.setNumThreads(0)
    with written(choice) as workspace:
        info = build(workspace, NAME, 1)
        folder = workspace.sources / NAME
        files = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.jpg"))]
        images = backend.common_size([decode_image((folder / file).read_bytes()) for file in files[:8]])
        params = untrained(workspace, info, network, images)
        plain = replace(Network.of(*load_model(params)), embedding=True)
        aimed = plain.used[:classes]
        place = workspace.home / "model.onnx"
        trial = backend.Trial(plain, params, SHIPPED, images, MANY, threads, False, PLAIN, place)
        chosen, best = backend.choose(trial)
        bare, _ = load_model(params)
        layer = Encoder(load_model(params)[0], plain.outputs).place
        script = opponent("plain_mining")
        torch.set_num_threads(threads)
        found: dict[str, Found] = {}

        def ours(side: str, one: Network) -> int:
            found[side] = scored(one, folder, files, aimed, threads)
            return len(found[side])

        def theirs() -> int:
            found["script"] = script.score(bare, layer, folder, MEAN, STD, aimed)
            return len(found["script"])

        contenders = [
            Contender("roadloop", partial(ours, "best", best)),
            Contender("Pillow and PyTorch", theirs),
            Contender("roadloop, PyTorch", partial(ours, "torch", plain)),
        ]
        timings = contest(contenders, rounds)
        apart = {side: differences(found[side], found["script"]) for side in ("best", "torch")}
        notes = (
            f"roadloop took {chosen.backend}: {chosen}",
            *(
                f"largest difference from the script ({side}): scores {scores:.2g}, embeddings {vectors:.2g}"
                for side, (scores, vectors) in apart.items()
            ),
        )
    title = f"Mining scores of {len(aimed)} classes with {network}, {threads} thread(s): {described(choice, info)}"
    return Result(title, "pictures", timings, notes)


def scored(network: Network, folder: Path, files: Sequence[str], classes: Sequence[int], threads: int) -> Found:
    """The scores and embeddings of files, as a mining has them."""
    places = devices((), threads)
    scorers = [
        [Scorer(one, classes, METHOD, place)] for one, place in zip(on_each(network, places), places, strict=True)
    ]
    points = [TrackPoint("", file) for file in files]
    done = score(points, lambda point: decode_image((folder / point.point).read_bytes()), scorers, 1)
    return {point.point: (one.classes, one.vector) for point, one in done if not isinstance(one, RoadloopError)}


def differences(ours: Found, theirs: Found) -> tuple[float, float]:
    """The largest difference of a score, and of a number of an embedding.

    Raises:
        KeyError: A side lacks a picture.
    """
    scores, vectors = ([float(np.abs(ours[file][k] - theirs[file][k]).max()) for file in theirs] for k in (0, 1))
    return max(scores), max(vectors)
