from roadloop.training.sampler import BatchPlan, Draw


def test_from_step__an_epoch_takes_every_picture_once_and_drops_the_rest() -> None:
    plan = BatchPlan(pictures=10, batch_size=3, epochs=2, seed=0)
    batches = list(plan.from_step(0))
    assert (plan.steps_per_epoch, plan.total_steps, len(batches)) == (3, 6, 6)
    first = [draw.picture for batch in batches[:3] for draw in batch]
    assert len(set(first)) == 9
    assert [draw.epoch for batch in batches for draw in batch] == [0] * 9 + [1] * 9
    assert first != [draw.picture for batch in batches[3:] for draw in batch]


def test_from_step__goes_on_in_the_middle_of_an_epoch() -> None:
    plan = BatchPlan(pictures=10, batch_size=3, epochs=4, seed=7)
    assert list(plan.from_step(5)) == list(plan.from_step(0))[5:]
    assert list(plan.from_step(12)) == []


def test_from_step__ranks_slice_the_same_batch() -> None:
    plan = BatchPlan(pictures=11, batch_size=5, epochs=1, seed=1)
    whole = list(plan.from_step(0))
    parts = [list(plan.from_step(0, rank, 2)) for rank in (0, 1)]
    assert [len(batch) for batch in parts[0]] == [3, 3]
    assert [a + b for a, b in zip(*parts, strict=True)] == whole


def test_batch__fewer_pictures_than_a_batch_make_one() -> None:
    plan = BatchPlan(pictures=2, batch_size=24, epochs=3, seed=0)
    assert (plan.batch, plan.steps_per_epoch, plan.total_steps) == (2, 1, 3)
    assert sorted(next(plan.from_step(0))) == [Draw(0, 0), Draw(0, 1)]
    assert BatchPlan(0, 8, 3, 0).total_steps == 0


def test_order__depends_on_seed_and_epoch() -> None:
    a, b = BatchPlan(50, 5, 3, 0), BatchPlan(50, 10, 9, 0)
    assert a.order(1).tolist() == b.order(1).tolist()
    assert a.order(1).tolist() != a.order(2).tolist() != BatchPlan(50, 5, 3, 1).order(2).tolist()
