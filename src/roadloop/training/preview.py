"""The first samples that a training task sees: `roadloop train preview`."""

from itertools import chain, islice

from roadloop.datasets.reader import DatasetReader
from roadloop.imaging.drawing import UInt8
from roadloop.storage.platform import Platform
from roadloop.training import service
from roadloop.training.augment import Augmentation
from roadloop.training.configure import TaskFacts, check, fill_data, fill_train
from roadloop.training.data import Sampling, TrainingSamples
from roadloop.training.increment import new_indices
from roadloop.training.recipe import DataConfig, TrainConfig
from roadloop.training.sample_sheet import Sample, draw
from roadloop.training.sampler import BatchPlan


def preview(platform: Platform, task: str, count: int) -> UInt8:
    """A sheet of the first samples of a task's first epoch, as its loop sees them.

    The task may be created, at work or finished; what its configuration leaves empty is filled as /starttask would.

    Args:
        platform: The installation.
        task: Name or id of the task.
        count: Samples; fewer when the epoch has fewer.

    Returns:
        uint8 [H, W, 3].

    Raises:
        NotFoundError: No such task, or its dataset is gone.
        InvalidValueError: The configuration does not fit the task, or there is no picture to train on.
    """
    with platform.database.reading() as db:
        found = service.require(db, service.find_id(db, task) or task)
    facts = service.facts_of(platform, found)
    data = fill_data(found.data_con, facts)
    train = fill_train(found.train_con, data, facts)
    check(train, data, facts)
    samples = first_samples(platform, facts, (train, data), count)
    return draw(samples, facts.label_map.classes(facts.dataset.table))


def first_samples(
    platform: Platform, facts: TaskFacts, configs: tuple[TrainConfig, DataConfig], count: int
) -> list[Sample]:
    """The first samples of the first epoch, in the order of the batches; a broken picture is blank and says so."""
    train, data = configs
    folder = platform.workspace.dataset(facts.dataset.name)
    base = platform.workspace.dataset(facts.dataset.base_data) if data.data_type == "aug" else None
    split = DatasetReader(folder).split("train")
    max_pixels = platform.settings.max_picture_mpix * 1_000_000
    sampling = Sampling(split, facts.label_map.lut(), new_indices(split, base), max_pixels)
    source = TrainingSamples(sampling, Augmentation(data, facts.pixels), train.seed)
    plan = BatchPlan(len(sampling), train.batch_size, 1, train.seed)
    samples = []
    for draw_ in islice(chain.from_iterable(plan.from_step(0)), count):
        batch = source[[draw_]]
        broken = "损坏 broken  " if batch.broken else ""
        samples.append(Sample(broken + batch.names[0], batch.images[0].numpy(), batch.targets[0].numpy()))
    return samples
