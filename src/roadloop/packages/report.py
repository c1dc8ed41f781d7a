"""What one run of /process_label says about itself."""

import io
from collections.abc import Iterator
from typing import Any, Final

from roadloop.errors import JobError, Text
from roadloop.packages.returned import Accepted, Rejected
from roadloop.storage.sheets import Sheet

FORMAT: Final = "roadloop-labels/1"
_MOST: Final = 20


class Report:
    """Counts and lists, filled while labels are read.

    Args:
        version: Folder under `released/`.
        types: `remote` | `lane` | `union`.
        name: The source set.
    """

    def __init__(self, version: str, types: str, name: str) -> None:
        self._about: Final = {"format": FORMAT, "version": version, "types": types, "name": name}
        self._published = 0
        self._unknown = 0
        self._earlier = 0
        self._missing: list[dict[str, Any]] = []
        self._rejected: list[dict[str, Any]] = []
        self._superseded: list[dict[str, Any]] = []
        self._skipped: list[tuple[int, Text]] = []
        self._gold_skipped: list[dict[str, Any]] = []
        self._agreement: list[dict[str, Any]] = []
        self._gold: list[dict[str, Any]] = []

    def accept(self, label: Accepted) -> None:
        """A label that is published."""
        self._published += 1
        self._unknown += label.unknown_pixels

    def leave_out(self, count: int) -> None:
        """So many labels came back that an earlier run published."""
        self._earlier += count

    def missing(self, package: int, picture: str) -> None:
        """A picture whose label did not come back."""
        self._missing.append({"package": package, "picture": picture})

    def reject(self, package: int, picture: str, label: str, verdict: Rejected) -> None:
        """A label that cannot be published."""
        self._rejected.append({"package": package, "picture": picture, "label": label, **verdict.to_json()})

    def supersede(self, package: int, picture: str) -> None:
        """A bad label of a picture that another annotator labelled well, or that was sent out again."""
        self._superseded.append({"package": package, "picture": picture})

    def skip(self, package: int, reason: Text) -> None:
        """A returned package that is not read."""
        self._skipped.append((package, reason))

    def skip_gold(self, package: int, picture: str) -> None:
        """A picture whose true label cannot be found any more."""
        self._gold_skipped.append({"package": package, "picture": picture})

    def add_agreement(self, first: int, second: int, summary: dict[str, Any]) -> None:
        """How far two packages agree on the pictures that both have."""
        self._agreement.append({"packages": [first, second], **summary})

    def add_gold(self, package: int, summary: dict[str, Any]) -> None:
        """How a package did on pictures whose label was known; `first` is the truth."""
        self._gold.append({"package": package, **summary})

    def to_json(self) -> dict[str, Any]:
        """The whole report, plain values."""
        return {
            **self._about,
            **self._counts(),
            "agreement": self._agreement,
            "gold": self._gold,
            "rejected": self._rejected,
            "missing": self._missing,
            "superseded": self._superseded,
            "gold_without_truth": self._gold_skipped,
            "skipped_packages": [{"package": n, "reason": {"zh": t.zh, "en": t.en}} for n, t in self._skipped],
        }

    def summary(self) -> dict[str, Any]:
        """What the job's row keeps: counts, and scores without single classes."""
        without = {"classes"}
        return {
            **self._counts(),
            "agreement": [{k: v for k, v in a.items() if k not in without} for a in self._agreement],
            "gold": [{k: v for k, v in g.items() if k not in without} for g in self._gold],
        }

    def _counts(self) -> dict[str, int]:
        return {
            "published_pictures": self._published,
            "rejected_pictures": len(self._rejected),
            "missing_pictures": len(self._missing),
            "superseded_pictures": len(self._superseded),
            "unknown_pixels": self._unknown,
        }

    def rejected_csv(self) -> str:
        """One line for each rejected label, for a spreadsheet."""
        out = io.StringIO()
        rows = Sheet(out)
        rows.add(["package", "picture", "label", "unknown_pixels", "zh", "en"])
        for r in self._rejected:
            rows.add(
                [r["package"], r["picture"], r["label"], r["unknown_pixels"], r["reason"]["zh"], r["reason"]["en"]]
            )
        return out.getvalue()

    def warnings(self) -> Iterator[Text]:
        """What people should look at."""
        if self._rejected:
            first = self._rejected[0]
            place = f"{first['package']}/{first['label']}"
            yield Text(
                f"{len(self._rejected)} 张标注被退回并保留，可用 /task_divide 的 rejected=1 重新发出。"
                f"例如 {place}：{first['reason']['zh']}",
                f"{len(self._rejected)} labels were rejected and kept; /task_divide with rejected=1 sends them out again."
                f" Such as {place}: {first['reason']['en']}",
            )
        if self._missing:
            names = ", ".join(f"{m['package']}/{m['picture']}" for m in self._missing[:3])
            yield Text(
                f"{len(self._missing)} 张图片的标注没有返回：{names} …",
                f"{len(self._missing)} pictures have no label returned: {names} ...",
            )
        for number, reason in self._skipped[:_MOST]:
            yield Text(f"跳过任务包 {number}：{reason.zh}。", f"Package {number} is passed over: {reason.en}.")
        if self._gold_skipped:
            yield Text(
                f"{len(self._gold_skipped)} 张检验图片已找不到标准标注，未评分。",
                f"The true labels of {len(self._gold_skipped)} gold pictures cannot be found now; they are not scored.",
            )

    def nothing_published(self) -> JobError:
        """The error for a run without one good label."""
        if self._rejected:
            first = self._rejected[0]
            zh = f"{len(self._rejected)} 张标注全部被退回，例如 {first['label']}：{first['reason']['zh']}"
            en = f"all {len(self._rejected)} labels were rejected, such as {first['label']}: {first['reason']['en']}"
        elif self._earlier:
            zh = f"返回的 {self._earlier} 张标注此前都已发布；不带 new 可重新发布全部"
            en = f"all {self._earlier} labels were published before; without new all of them are published again"
        else:
            zh, en = "没有返回可发布的标注", "no label came back that could be published"
        return JobError(Text(f"未生成源数据：{zh}。", f"No source set was made: {en}."), **self._counts())
