"""What one run of /process_label says about itself."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from roadloop.errors import JobError, Text, many
from roadloop.storage.sheets import Sheet

FORMAT: Final = "roadloop-labels/1"
_MOST: Final = 20


@dataclass
class Report:
    """Counts and lists, filled while labels are read; the entries of lists are JSON objects that name their package.

    Attributes:
        version: Folder under `released/`.
        types: `remote` | `lane` | `union`.
        name: The source set.
        published: Labels that are published.
        unknown_pixels: Of these, pixels whose colour is not known.
        earlier: Labels that came back and that an earlier run published.
        missing: Pictures whose label did not come back.
        rejected: Labels that cannot be published.
        superseded: Bad labels of pictures that another annotator labelled well, or that were sent out again.
        skipped: Returned packages that are not read, and why.
        gold_skipped: Pictures whose true label cannot be found any more.
        agreement: How far two packages agree on the pictures that both have.
        gold: How a package did on pictures whose label was known; `first` is the truth.
    """

    version: str
    types: str
    name: str
    published: int = 0
    unknown_pixels: int = 0
    earlier: int = 0
    missing: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    superseded: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[tuple[int, Text]] = field(default_factory=list)
    gold_skipped: list[dict[str, Any]] = field(default_factory=list)
    agreement: list[dict[str, Any]] = field(default_factory=list)
    gold: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The whole report, plain values."""
        return {
            "format": FORMAT,
            "version": self.version,
            "types": self.types,
            "name": self.name,
            **self._counts(),
            "agreement": self.agreement,
            "gold": self.gold,
            "rejected": self.rejected,
            "missing": self.missing,
            "superseded": self.superseded,
            "gold_without_truth": self.gold_skipped,
            "skipped_packages": [{"package": n, "reason": t._asdict()} for n, t in self.skipped],
        }

    def summary(self) -> dict[str, Any]:
        """What the job's row keeps: counts, and scores without single classes."""
        return {
            **self._counts(),
            "agreement": [{k: v for k, v in a.items() if k != "classes"} for a in self.agreement],
            "gold": [{k: v for k, v in g.items() if k != "classes"} for g in self.gold],
        }

    def _counts(self) -> dict[str, int]:
        return {
            "published_pictures": self.published,
            "rejected_pictures": len(self.rejected),
            "missing_pictures": len(self.missing),
            "superseded_pictures": len(self.superseded),
            "unknown_pixels": self.unknown_pixels,
        }

    def rejected_csv(self) -> str:
        """One line for each rejected label, for a spreadsheet."""
        out = io.StringIO()
        rows = Sheet(out)
        names = ["package", "picture", "label", "unknown_pixels"]
        rows.add([*names, "zh", "en"])
        for r in self.rejected:
            rows.add([*(r[name] for name in names), *r["reason"].values()])
        return out.getvalue()

    def warnings(self) -> Iterator[Text]:
        """What people should look at."""
        if self.rejected:
            first = self.rejected[0]
            place = f"{first['package']}/{first['label']}"
            yield Text(
                f"{len(self.rejected)} 张标注被退回并保留；在网页的“退回”处，或用 /task_divide 的 rejected=1，再次发出。"
                f"例如 {place}：{first['reason']['zh']}",
                f"{many(len(self.rejected), 'label was', 'labels were')} rejected and kept; Rejected on the page, or /task_divide"
                " with rejected=1, sends them out again."
                f" Such as {place}: {first['reason']['en']}",
            )
        if self.missing:
            names = ", ".join(f"{m['package']}/{m['picture']}" for m in self.missing[:3])
            yield Text(
                f"{len(self.missing)} 张图片的标注没有返回：{names} …",
                f"{many(len(self.missing), 'picture has', 'pictures have')} no label returned: {names} ...",
            )
        for number, reason in self.skipped[:_MOST]:
            yield Text(f"跳过任务包 {number}：{reason.zh}。", f"Package {number} is passed over: {reason.en}.")
        if self.gold_skipped:
            yield Text(
                f"{len(self.gold_skipped)} 张检验图片已找不到标准标注，未评分。",
                f"The true labels of {many(len(self.gold_skipped), 'gold picture')} cannot be found now; they are not scored.",
            )

    def nothing_published(self) -> JobError:
        """The error for a run without one good label."""
        if self.rejected:
            first = self.rejected[0]
            zh = f"{len(self.rejected)} 张标注全部被退回，例如 {first['label']}：{first['reason']['zh']}"
            en = f"all {many(len(self.rejected), 'label was', 'labels were')} rejected, such as {first['label']}: {first['reason']['en']}"
        elif self.earlier:
            zh = f"返回的 {self.earlier} 张标注此前都已发布；不选“只要以前没有发布过的”（不带 new）可重新发布全部"
            en = f"all {many(self.earlier, 'label was', 'labels were')} published before; without"
            en += " “Only what was not published before” (new) all of them are published again"
        else:
            zh, en = "没有返回可发布的标注", "no label came back that could be published"
        return JobError(Text(f"未生成源数据：{zh}。", f"No source set was made: {en}."), **self._counts())
