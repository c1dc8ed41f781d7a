"""Which tensor goes where: small lists of names and shapes."""

from roadloop.models.fit import fit

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
    assert report.whole
    assert not report.exact
    assert len(report.renamed) == 7


def test_fit__shapes_that_would_change_values_places_are_not_taken() -> None:
    _pairs, report = fit({"stem.weight": (4, 27), "norm.bias": (4,)}, NETWORK)
    assert report.taken == ("norm.bias",)
    assert report.skipped == (("stem.weight", (4, 27), (4, 3, 3, 3)),)
    assert report.missing == ("norm.weight", "norm.running_mean", "norm.running_var", "head.weight", "head.bias")


def test_fit__strange_names_are_paired_in_order() -> None:
    pairs, report = fit(renamed(), NETWORK)
    assert pairs["stem.weight"] == "layer0.weight"
    assert pairs["norm.running_mean"] == "layer3.running_mean"
    assert pairs["head.bias"] == "layer7.bias"
    assert report.whole
    assert len(report.taken) == len(report.renamed) == 7


def test_fit__order_passes_over_what_only_one_side_has() -> None:
    file = {"first.weight": (9, 9), **renamed(), "last.weight": (5, 4, 1, 1)}
    del file["layer7.bias"]
    pairs, report = fit(file, NETWORK)
    assert pairs["head.weight"] == "layer6.weight"
    assert (report.missing, report.unused) == (("head.bias",), ("first.weight", "last.weight"))
    assert report.text().en.startswith("Weights: 6 tensors taken, 0 of another shape (none), 1 missing (head.bias)")


def test_fit__statistics_after_everything_learned_as_mxnet_saves_them() -> None:
    names = list(renamed())
    shuffled = {name: renamed()[name] for name in sorted(names, key=lambda n: "running" in n)}
    pairs, report = fit(shuffled, NETWORK)
    assert pairs["norm.running_var"] == "layer4.running_var"
    assert report.whole


def test_fit__a_list_without_names_goes_by_shape_alone() -> None:
    shapes = [shape for name, shape in NETWORK.items() if shape]
    pairs, report = fit({str(i): shape for i, shape in enumerate(shapes)}, NETWORK)
    assert list(pairs.values()) == [str(i) for i in range(7)]
    assert report.whole


def test_fit__another_network_s_few_equal_shapes_are_not_taken() -> None:
    pairs, report = fit({"a.bias": (4,), "b.weight": (64, 3, 7, 7), "c.bias": (2,)}, NETWORK)
    assert pairs == {}
    assert report.nothing
    assert report.unused == ("a.bias", "b.weight", "c.bias")


def test_fit__order_is_not_asked_where_names_tell() -> None:
    file = {"stem.weight": (4, 3, 3, 3), "other.weight": (2, 4, 1, 1)}
    pairs, report = fit(file, NETWORK)
    assert pairs == {"stem.weight": "stem.weight"}
    assert report.unused == ("other.weight",)
