from dataclasses import replace
from typing import Any

import pytest

from roadloop.devices.service import wish
from roadloop.errors import InvalidValueError
from roadloop.labels.label_map import default_map
from roadloop.training.configure import (
    TaskFacts,
    check,
    check_places,
    epochs_for,
    fill_data,
    fill_train,
    usual_crop,
    warnings,
)
from roadloop.training.recipe import DataConfig, TrainConfig


@pytest.fixture
def facts(bench: Any) -> TaskFacts:
    return TaskFacts("任务", "net", bench.info, default_map(bench.info.table), dict)


@pytest.mark.parametrize(
    ("pictures", "batch", "epochs"), [(367, 24, 666), (10_000, 10, 300), (8, 24, 10_000), (0, 1, 10_000), (100, 1, 300)]
)
def test_epochs_for__about_ten_thousand_updates(pictures: int, batch: int, epochs: int) -> None:
    assert epochs_for(pictures, batch) == epochs


def test_fill__keeps_what_is_set_and_is_stable(facts: TaskFacts) -> None:
    data = fill_data(DataConfig(crop=(16, 24)), facts)
    train = fill_train(TrainConfig(num_epoch=7, class_weights=(1.0, 2.0)), data, facts)
    assert (data.crop, train.num_epoch, train.class_weights) == ((16, 24), 7, (1.0, 2.0))
    assert fill_train(train, data, facts) == train
    assert fill_data(data, facts) == data
    check(train, data, facts)


def test_usual_crop__most_pictures_down_to_32() -> None:
    assert usual_crop({"480x360": 10, "960x720": 3}) == (352, 480)
    assert usual_crop({"2448x2048": 1}) == (1024, 1024)
    assert usual_crop({"20x20": 1}) == (32, 32)
    assert usual_crop({}) == (1024, 1024)


def test_warnings__say_what_will_not_work(facts: TaskFacts) -> None:
    data = fill_data(DataConfig(crop=(512, 512)), facts)
    train = fill_train(TrainConfig(num_epoch=2, batch_size=9, steps=(1, 2)), data, facts)
    said = [text.en for text in warnings(train, data, facts)]
    assert [s.split()[0] for s in said] == ["steps", "There", "Crops"]
    assert warnings(fill_train(TrainConfig(num_epoch=2), data, facts), fill_data(DataConfig(), facts), facts) == []


def test_warnings__a_class_without_training_pixels_is_named(facts: TaskFacts) -> None:
    pixels = {raw: count for raw, count in facts.dataset.statistics["train"].items() if raw != 23}
    dataset = replace(facts.dataset, statistics={**facts.dataset.statistics, "train": pixels})
    without = replace(facts, dataset=dataset)
    data = fill_data(DataConfig(), without)
    train = fill_train(TrainConfig(num_epoch=2), data, without)
    (said,) = warnings(train, data, without)
    assert "1 sky" in said.en
    assert "1 天空" in said.zh
    assert "label_map" in said.en
    assert "label_map" in said.zh
    assert train.class_weights is not None
    assert [weight > 0 for weight in train.class_weights] == [True, False]


@pytest.mark.parametrize("values", [{"frozen": ("stem",)}, {"freeze_norms": True}])
def test_warnings__what_is_frozen_at_random_values_is_named(facts: TaskFacts, values: dict[str, Any]) -> None:
    data = fill_data(DataConfig(), facts)
    (said,) = warnings(fill_train(TrainConfig(num_epoch=2, **values), data, facts), data, facts)
    (key,) = values
    assert f"{key} keep random first values" in said.en
    assert f"{key} 固定的是随机的初始值" in said.zh
    for begin in ({"weights": "a/b.params"}, {"network_settings": {"checkpoint": "weights/mit-b0"}}):
        assert warnings(fill_train(TrainConfig(num_epoch=2, **values, **begin), data, facts), data, facts) == []


def test_warnings__a_rate_of_what_is_frozen_is_named(facts: TaskFacts) -> None:
    data = fill_data(DataConfig(), facts)
    factors = {"stem": 0.1, "stem.0": 2.0, "stems": 3.0}
    train = TrainConfig(num_epoch=2, weights="w.params", frozen=("stem",), lr_factors=factors)
    (said,) = warnings(fill_train(train, data, facts), data, facts)
    assert said.en.startswith("lr_factors stem, stem.0 have no effect")
    assert "stem、stem.0" in said.zh


def test_fill_train__median_frequency_asks_for_the_pictures_that_show_a_class(facts: TaskFacts) -> None:
    """The sky in 12,288 pixels of pictures without a road, the road in 6,144."""
    shown = {frozenset({0, 23}): 12_288, frozenset({0, 7}): 6_144}
    config = TrainConfig(num_epoch=2, class_weighting="median_frequency")
    train = fill_train(config, fill_data(DataConfig(), facts), replace(facts, shown=lambda: shown))
    road, sky = facts.pixels[0] / 6_144, facts.pixels[1] / 12_288
    assert train.class_weights == pytest.approx([(road + sky) / 2 / road, (road + sky) / 2 / sky], abs=1e-6)


TWO_CPU, ONE_GPU, TWO_GPUS = TrainConfig(cpu_processes=2), wish("0"), wish("n1:0;n2:0")


def test_check_places__each_device_needs_a_picture() -> None:
    check_places(TWO_CPU.model_copy(update={"batch_size": 2}), 8, wish(""))
    for train, pictures in (({"batch_size": 1}, 8), ({"batch_size": 8}, 1)):
        with pytest.raises(InvalidValueError, match="batch_size"):
            check_places(TWO_CPU.model_copy(update=train), pictures, wish(""))


def test_check_places__each_part_needs_a_picture_and_fp16_a_gpu() -> None:
    check_places(TrainConfig(batch_size=8, accumulate=4, precision="fp16"), 8, TWO_GPUS)
    with pytest.raises(InvalidValueError, match="accumulate: 5"):
        check_places(TrainConfig(batch_size=8, accumulate=5), 8, TWO_GPUS)
    check_places(TrainConfig(precision="fp16"), 8, ONE_GPU)
    for text in ("", "n1:cpu"):
        with pytest.raises(InvalidValueError, match="fp16"):
            check_places(TrainConfig(precision="fp16"), 8, wish(text))


def test_check_places__each_machine_needs_a_process() -> None:
    check_places(TWO_CPU, 8, wish("n1:cpu;n2:cpu"))
    check_places(TrainConfig(), 8, TWO_GPUS)
    with pytest.raises(
        InvalidValueError, match="cpu_processes: 2 does not fit this task: each of 3 machines needs one process"
    ):
        check_places(TWO_CPU, 8, wish("n1:cpu;n2:cpu;n3:cpu"))


def test_check__another_number_of_class_weights_says_both_numbers(facts: TaskFacts) -> None:
    with pytest.raises(InvalidValueError, match="class_weights: 3 weights, the task has 2 classes") as caught:
        check(TrainConfig(class_weights=(1.0, 1.0, 1.0)), DataConfig(), facts)
    assert "有 3 个权重，任务有 2 个类别" in caught.value.text.zh
