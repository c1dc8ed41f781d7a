"""Work in turn: so many in each round of the loop, in the order in which they came, and health before all."""

import asyncio
from typing import Any

from roadloop.web.rounds import BEGINNINGS_A_ROUND, HEALTH, Rounds, Turns


def test_rounds__let_so_many_through_in_each_in_their_order() -> None:
    async def work() -> list[tuple[int, int]]:
        rounds, count, through = Rounds(2), 0, list[tuple[int, int]]()

        async def one(number: int) -> None:
            await rounds.turn()
            through.append((number, count))

        tasks = [asyncio.create_task(one(number)) for number in range(7)]
        await asyncio.sleep(0)  # two have gone through, five wait
        tasks[3].cancel()  # its place is the next one's
        while not all(task.done() for task in tasks):
            count += 1
            await asyncio.sleep(0)
        for _ in range(3):
            await asyncio.sleep(0)  # nobody comes
        await one(7)
        return through

    through = asyncio.run(work())
    assert [number for number, _ in through] == [0, 1, 2, 4, 5, 6, 7]
    rounds = [round_ for _, round_ in through[:6]]
    assert max(rounds.count(round_) for round_ in rounds) == 2
    assert rounds == sorted(rounds)


def test_turns__health_begins_before_a_crowd_that_came_first() -> None:
    async def work() -> list[str]:
        begun = list[str]()

        async def app(scope: Any, _receive: Any, _send: Any) -> None:
            begun.append(scope["path"])

        turns = Turns(app)
        paths = [f"/{number}" for number in range(3 * BEGINNINGS_A_ROUND)] + [HEALTH]
        asked = [turns({"type": "http", "path": path}, None, None) for path in paths]  # type: ignore[arg-type]
        await asyncio.gather(*asked)
        return begun

    begun = asyncio.run(work())
    assert begun.index(HEALTH) == BEGINNINGS_A_ROUND
    assert len(begun) == 3 * BEGINNINGS_A_ROUND + 1
