"""The page GPU信息: the cards of each machine."""

from typing import Any, Final

from roadloop.clients.dialect import Ask, Path, Reply


def _cards(_ask: Ask, answer: Reply) -> Reply:
    machines: dict[str, list[Any]] = {}
    for card in answer["data"]:
        machines.setdefault(card["pc-name"], []).append(card)
    return {"data": machines}


PATHS: Final = (
    Path("GET", "/gups_info", "see", ("GET /gups_info",),
         reads="data{machine: [card]}", shape=_cards, nothing={}, polled=True),
)  # fmt: skip
