"""Which tensor goes where: small lists of names and shapes."""

import pytest

from roadloop.models.fit import Parts, fit, problems
from roadloop.networks.names import Published

NETWORK = {
    "stem.weight": (4, 3, 3, 3),
    "norm.weight": (4,),
    "norm.bias": (4,),
    "norm.running_mean": (4,),
    "norm.running_var": (4,),
    "norm.num_batches_tracked": (),
    "head.weight": (2, 4, 1, 1),
    "head.bias": (2,),
}
PARTS = Parts(frozenset({"head.weight", "head.bias"}))


def renamed(prefix: str = "layer") -> dict[str, tuple[int, ...]]:
    """The same tensors in the same order, under names that say nothing of ours."""
    return {f"{prefix}{i}.{name.rpartition('.')[2]}": shape for i, (name, shape) in enumerate(NETWORK.items())}


def test_fit__same_names_are_exact() -> None:
    pairs, report = fit(NETWORK, NETWORK)
    assert pairs == {name: name for name in NETWORK}
    assert report.exact


def test_fit__names_of_mxnet_mean_the_same() -> None:
    file = {
        "head_bias": (2,),
        "stem_weight": (4, 3, 3, 3),
        "norm_gamma": (4,),
        "norm_beta": (4,),
        "head_weight": (2, 4),  # a fully connected layer
        "norm_moving_mean": (4,),
        "norm_moving_var": (1, 4, 1, 1),
    }
    pairs, report = fit(file, NETWORK)
    assert pairs == {
        "stem.weight": "stem_weight",
        "norm.weight": "norm_gamma",
        "norm.bias": "norm_beta",
        "norm.running_mean": "norm_moving_mean",
        "norm.running_var": "norm_moving_var",
        "head.weight": "head_weight",
        "head.bias": "head_bias",
    }
    assert report.reshaped == (("norm.running_var", (1, 4, 1, 1), (4,)), ("head.weight", (2, 4), (2, 4, 1, 1)))
    assert not problems(report, file, NETWORK, PARTS)
    assert not report.exact
    assert len(report.renamed) == 7


def test_fit__shapes_that_would_change_values_places_are_not_taken() -> None:
    _pairs, report = fit({"stem.weight": (4, 27), "norm.bias": (4,)}, NETWORK)
    assert report.taken == ("norm.bias",)
    assert report.skipped == (("stem.weight", (4, 27), (4, 3, 3, 3)),)
    assert report.missing == ("norm.weight", "norm.running_mean", "norm.running_var", "head.weight", "head.bias")


def test_fit__strange_names_are_paired_in_order_where_it_is_asked_for() -> None:
    pairs, report = fit(renamed(), NETWORK)
    assert pairs == {}
    assert report.nothing
    pairs, report = fit(renamed(), NETWORK, order=PARTS)
    assert pairs["stem.weight"] == "layer0.weight"
    assert pairs["norm.running_mean"] == "layer3.running_mean"
    assert pairs["head.bias"] == "layer7.bias"
    assert not problems(report, renamed(), NETWORK, PARTS)
    assert len(report.taken) == len(report.renamed) == 7


def test_fit__order_never_passes_over_a_tensor() -> None:
    file = {"first.weight": (9, 9), **renamed()}
    pairs, report = fit(file, NETWORK, order=PARTS)
    assert "stem.weight" not in pairs
    assert problems(report, file, NETWORK, PARTS).left[0] == "first.weight [9, 9]"
    file = renamed()
    del file["layer7.bias"]
    _pairs, report = fit(file, NETWORK, order=PARTS)
    assert problems(report, file, NETWORK, PARTS).lacking == ("head.bias [2]",)


def test_fit__statistics_after_everything_learned_as_mxnet_saves_them() -> None:
    names = list(renamed())
    sorted_out = {name: renamed()[name] for name in sorted(names, key=lambda n: "running" in n)}
    pairs, report = fit(sorted_out, NETWORK, order=PARTS)
    assert pairs["norm.running_var"] == "layer4.running_var"
    assert not problems(report, sorted_out, NETWORK, PARTS)


def test_fit__a_list_without_names_goes_by_shape_alone() -> None:
    shapes = {str(i): shape for i, shape in enumerate(shape for shape in NETWORK.values() if shape)}
    pairs, report = fit(shapes, NETWORK, order=PARTS)
    assert list(pairs.values()) == [str(i) for i in range(7)]
    assert not problems(report, shapes, NETWORK, PARTS)


def test_problems__a_classifier_of_other_classes_begins_anew_only_at_a_start() -> None:
    file = NETWORK | {"head.weight": (9, 4, 1, 1), "head.bias": (9,)}
    _pairs, report = fit(file, NETWORK)
    assert not problems(report, file, NETWORK, PARTS, without=())
    found = problems(report, file, NETWORK, PARTS)
    assert found.lacking == ("head.weight [2, 4, 1, 1] ([9, 4, 1, 1])", "head.bias [2] ([9])")
    file["head.weight"] = (9, 5, 1, 1)  # other channels are another network
    _pairs, report = fit(file, NETWORK)
    assert problems(report, file, NETWORK, PARTS, without=()).lacking == ("head.weight [2, 4, 1, 1] ([9, 5, 1, 1])",)


def test_problems__heads_for_training_may_lack_on_either_side() -> None:
    parts = Parts(PARTS.outputs, {"aux.weight": (2, 4, 1, 1)})
    with_head = {**NETWORK, **parts.auxiliary}
    for file, network in ((with_head, NETWORK), (NETWORK, with_head)):
        _pairs, report = fit(file, network)
        assert not problems(report, file, network, parts)
        assert problems(report, file, network, PARTS)


@pytest.mark.parametrize("side", ["file", "network"])
def test_problems__a_tensor_without_a_place_is_named(side: str) -> None:
    more = NETWORK | {"stem.bias": (4,)}
    file, network = (more, NETWORK) if side == "file" else (NETWORK, more)
    _pairs, report = fit(file, network)
    found = problems(report, file, network, PARTS, without=())
    assert (found.left if side == "file" else found.lacking) == ("stem.bias [4]",)


def test_fit__published_names_are_known_behind_what_stands_in_front() -> None:
    whose = Published(
        name="theirs",
        source="",
        auxiliary=("side",),
        beside=("loss.weight",),
        modules={"stem": "conv", "norm": "bn", "head": "fc{classes}"},
    )
    leaves = ("weight", "bias", "running_mean", "running_var")
    file = {"model.fc2_weight": (2, 4), "model.fc2_bias": (2,), "model.conv_weight": (4, 3, 3, 3)}
    file |= {f"model.bn_{leaf}": (4,) for leaf in leaves} | {"model.side.weight": (1,), "loss.weight": (2,)}
    pairs, report = fit(file, NETWORK, [whose])
    assert pairs["head.weight"] == "model.fc2_weight"
    assert (report.published, report.apart) == ("theirs", ("model.side.weight", "loss.weight"))
    assert not problems(report, file, NETWORK, PARTS)
