import pytest

from roadloop.errors import InvalidValueError
from roadloop.training.recipe import DataConfig, Named, TrainConfig, TrainingRecipe, parse


def test_parse__numbers_and_lists_may_be_text() -> None:
    config = parse(TrainConfig, {"batch_size": "24", "base_lr": "0.014", "steps": "10000,20000，30000"}, "train_con")
    assert (config.batch_size, config.base_lr, config.steps) == (24, 0.014, (10000, 20000, 30000))
    assert parse(TrainConfig, {"steps": ""}, "").steps == ()
    assert parse(DataConfig, {"crop": 512, "scale": "1"}, "data_con").crop == (512, 512)
    assert parse(DataConfig, {"crop": "352,480"}, "data_con").crop == (352, 480)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"ss": "sdas"}, "ss"),
        ({"base_lr": float("nan")}, "base_lr"),
        ({"batch_size": 0}, "batch_size"),
        ({"optimizer": "sgdm"}, "optimizer"),
        ({"class_weights": "1,x"}, "class_weights.1"),
        ({"steps": [0]}, "steps.0"),
    ],
)
def test_parse__names_the_key(values: dict[str, object], key: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse(TrainConfig, values, "train_con")
    assert caught.value.details == {"parameter": "train_con", "key": key}
    assert key in caught.value.text.zh
    assert key in caught.value.text.en


def test_parse__a_word_for_class_weights_points_to_class_weighting() -> None:
    with pytest.raises(InvalidValueError, match="class_weighting: inverse_log, median_frequency, none") as caught:
        parse(TrainConfig, {"class_weights": "inverse"}, "train_con")
    assert "class_weighting" in caught.value.text.zh


def test_names_of_modules__are_prefixes_at_dots_and_the_longest_counts() -> None:
    config = parse(TrainConfig, {"frozen": "stem, head.norm", "lr_factors": {"head": "10", "head.0": 0.5}}, "train_con")
    assert config.frozen == ("stem", "head.norm")
    names = ["stem.0.weight", "stems.weight", "head.norm", "head.normal", "head"]
    assert [config.freezes(name) for name in names] == [True, False, True, False, False]
    names = ["head.0.weight", "head.01.weight", "head", "header.0", "0"]
    assert [config.lr_factor(name) for name in names] == [0.5, 10.0, 10.0, 1.0, 1.0]


@pytest.mark.parametrize("values", [{"lr_factors": {"head": 0}}, {"lr_factors": {"": 2}}, {"frozen": [""]}])
def test_names_of_modules__are_not_empty_and_no_factor_stops_a_part(values: dict[str, object]) -> None:
    with pytest.raises(InvalidValueError):
        parse(TrainConfig, values, "train_con")


def test_every_field_is_described() -> None:
    for kind in (TrainConfig, DataConfig, Named, TrainingRecipe):
        assert all(field.description for field in kind.model_fields.values()), kind


def test_digest__changes_with_any_value_and_survives_json() -> None:
    thing = Named(name="n", digest="d")
    recipe = TrainingRecipe(
        task="任务", dataset=thing, network=thing, start_weights=None, label_map={}, gpus="",
        train=TrainConfig(steps=(5,), base_lr=0.1), data=DataConfig(),
    )  # fmt: skip
    assert TrainingRecipe.model_validate_json(recipe.model_dump_json()).digest() == recipe.digest()
    other = recipe.model_copy(update={"train": recipe.train.model_copy(update={"seed": 1})})
    assert other.digest() != recipe.digest()


def test_devices__gpus_or_processes() -> None:
    thing = Named(name="n", digest="d")
    recipe = TrainingRecipe(
        task="t", dataset=thing, network=thing, start_weights=None, label_map={}, gpus="0,2",
        train=TrainConfig(cpu_processes=4), data=DataConfig(),
    )  # fmt: skip
    assert recipe.devices == 2
    assert recipe.model_copy(update={"gpus": ""}).devices == 4


def test_digest__a_later_field_counts_only_off_its_default() -> None:
    """The digest is what it was before any field was added, so old checkpoints belong to their recipes."""
    thing = Named(name="n", digest="d")
    train = TrainConfig(steps=(5,), base_lr=0.1)
    recipe = TrainingRecipe(
        task="任务", dataset=thing, network=thing, start_weights=None, label_map={}, gpus="", train=train, data=DataConfig()
    )  # fmt: skip
    assert recipe.digest() == "f3c4fcf02f2c578c207a56514fa8d655ae5d11fdafe353c6ea87a5b7594125ad"
    other = recipe.model_copy(update={"train": train.model_copy(update={"ohem_threshold": 0.7})})
    assert other.digest() != recipe.digest()
