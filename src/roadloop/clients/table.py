"""Every path of the dialect, and the table of them for people."""

from typing import Final

from roadloop.clients import annotation, data, engines, finding, machines, models, releases, selection, training
from roadloop.clients.dialect import Path
from roadloop.errors import Language

PATHS: Final[tuple[Path, ...]] = (
    *training.PATHS, *data.PATHS, *models.PATHS, *releases.PATHS, *selection.PATHS, *annotation.PATHS,
    *finding.PATHS, *engines.PATHS, *machines.PATHS,
)  # fmt: skip

_HEADS: Final = {
    "zh": ("路径", "发送", "对应", "读取", "说明"),
    "en": ("path", "sends", "ours", "reads", "note"),
}
_UNUSED: Final = {"zh": "不起作用：", "en": "without effect: "}


def written(language: Language) -> str:
    """The table in Markdown, as docs/clients.md has it."""
    head = _HEADS[language]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for one in PATHS:
        ours = ", ".join(f"`{call}`" for call in (*one.calls, *one.also)) or "-"
        note = one.note.pick(language) if one.note else ""
        cells = (f"{one.method} `/api{one.path}`", _sent(one, language), ours, f"`{one.reads}`", note)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _sent(one: Path, language: Language) -> str:
    names = [
        f"{theirs} → {ours}" if ours not in {theirs, "?"} else theirs for theirs, ours in one.sends.items() if ours
    ]
    ignored = [theirs for theirs, ours in one.sends.items() if not ours]
    rest = f"{_UNUSED[language]}{', '.join(ignored)}" if ignored else ""
    return "; ".join(part for part in (", ".join(names), rest) if part) or "-"
