"""Showing rare classes more often: an increment in which pictures of a dataset stand once more."""

from collections.abc import Sequence
from itertools import count

from roadloop.datasets import store
from roadloop.datasets.info import SPLITS, DatasetInfo
from roadloop.datasets.recipe import DatasetRecipe, Repeat
from roadloop.datasets.service import require, require_no_trace, writing
from roadloop.errors import InvalidValueError, Text
from roadloop.storage.database import Write
from roadloop.storage.paths import check_new_name
from roadloop.storage.platform import Platform


def repeat(platform: Platform, request: Repeat) -> Write[str]:
    """Check an increment that repeats what shows a class: every such picture of the training part, once more.

    val and test stay as they are, so that scores before and after compare.

    Returns:
        Writes the dataset's row and its job; answers the task id.

    Raises:
        NotFoundError: No such dataset.
        ConflictError: It is not finished, or a folder of that name has no record.
        NameTakenError: There is, or soon will be, a dataset of that name.
        InvalidValueError: A class is not in its table, or no training picture shows any of them.
    """
    base = require(platform, request.name)
    raw_ids = tuple(sorted(set(request.raw_ids)))
    known = {c.raw_id for c in base.table.classes}
    unknown = [raw_id for raw_id in raw_ids if raw_id not in known]
    if unknown:
        raise InvalidValueError(
            Text(
                f"raw_ids {unknown} 不在 data {base.name} 的类别表中",
                f"raw_ids: the class table of {base.name} has no {unknown}",
            ),
            parameter="raw_ids",
        )
    shown = [raw_id for raw_id in raw_ids if raw_id in base.statistics[SPLITS[0]]]
    if not shown:
        raise InvalidValueError(
            Text(
                f"data {base.name} 的 train 中没有图片含有类别 {list(raw_ids)}，没有可重复的",
                f"No training picture of {base.name} shows the classes {list(raw_ids)}, so there is nothing to repeat",
            ),
            parameter="raw_ids",
        )
    name = check_new_name(request.data_name, "data_name") if request.data_name else _free_name(platform, base, raw_ids)
    require_no_trace(platform, name)
    recipe = DatasetRecipe(
        name=name,
        sources=base.sources,
        data_type="aug",
        base_data=base.name,
        shares=dict(base.shares),
        lists=base.split_by == "lists",
        split_by="picture" if base.split_by == "picture" else "track",
        seed=base.seed,
        again=raw_ids,
    )
    return writing(recipe, request.thread, request.data_desc)


def _free_name(platform: Platform, base: DatasetInfo, raw_ids: Sequence[int]) -> str:
    """The first name for an increment that no dataset has."""
    begin = f"{base.name}-again-{'-'.join(map(str, raw_ids))}"
    with platform.database.reading() as db:
        for number in count(1):
            name = check_new_name(begin if number == 1 else f"{begin}-{number}", "data_name")
            if store.find_live(db, name) is None:
                return name
    raise AssertionError
