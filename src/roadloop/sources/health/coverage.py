"""Which classes a source set shows, by city and by month. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadloop.labels.table import ClassTable


@dataclass
class Coverage:
    """Pictures and pixels by class, city and month; empty text = unknown."""

    pictures: int = 0
    cities: Counter[str] = field(default_factory=Counter)
    months: Counter[str] = field(default_factory=Counter)
    by_city: Counter[tuple[int, str]] = field(default_factory=Counter)
    by_month: Counter[tuple[int, str]] = field(default_factory=Counter)
    pixels: Counter[int] = field(default_factory=Counter)

    def add(self, city: str, time: str, counts: NDArray[np.int64]) -> None:
        """Count one picture.

        Args:
            city: Where it was taken.
            time: `YYYY-MM...`.
            counts: int64 [256], pixels by raw id.
        """
        month = time[:7]
        self.pictures += 1
        self.cities[city] += 1
        self.months[month] += 1
        for raw_id in np.flatnonzero(counts).tolist():
            self.by_city[raw_id, city] += 1
            self.by_month[raw_id, month] += 1
            self.pixels[raw_id] += int(counts[raw_id])

    def to_json(self, table: ClassTable) -> dict[str, Any]:
        """Plain values: the classes of the table with their pictures, in all, by city and by month."""
        cities, months = sorted(self.cities), sorted(self.months)
        classes = [
            {
                "raw_id": c.raw_id,
                "name_en": c.name_en,
                "name_zh": c.name_zh,
                "pictures": sum(self.by_city[c.raw_id, city] for city in cities),
                "pixels": self.pixels[c.raw_id],
                "cities": {city: self.by_city[c.raw_id, city] for city in cities},
                "months": {month: self.by_month[c.raw_id, month] for month in months},
            }
            for c in table.classes
        ]
        return {
            "cities": {city: self.cities[city] for city in cities},
            "months": {month: self.months[month] for month in months},
            "classes": classes,
            "absent": [row["raw_id"] for row in classes if not row["pictures"]],
        }
