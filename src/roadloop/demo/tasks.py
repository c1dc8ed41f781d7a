"""What the job runs that draws the demo's pictures."""

from typing import Final

from roadloop.demo.recipe import DrawPictures
from roadloop.demo.world.cities import CITIES
from roadloop.demo.write import Drives, draw_track
from roadloop.errors import Text
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.labels.table import shipped
from roadloop.sources.writer import SourceSetWriter

SIZE: Final = (320, 240)
EVERY: Final = 9  #: frames of 0.4 s from one picture to the next
_NOTE: Final = Text("绘制合成道路图片", "Drawing pictures of a synthetic road world")


def pictures(context: TaskContext) -> Outcome:
    """Draw a labelled source set of the synthetic road world; the same recipe gives the same bytes.

    Raises:
        DiskFullError: No space is left; there is no set.
    """
    recipe = context.recipe(DrawPictures)
    target = context.platform.workspace.sources / recipe.name
    drives = [
        (Drives(city, (track,), recipe.frames, EVERY, SIZE, recipe.seed), track)
        for city in CITIES
        for track in range(recipe.tracks)
    ]
    with context.filling(target) as scratch:
        writer = SourceSetWriter(scratch, shipped())
        for done, (drive, track) in enumerate(drives):
            context.progress(done, len(drives), _NOTE)
            context.check_stop()
            for sample in draw_track(drive, track):
                writer.add(sample)
        writer.finish()
    context.reach("demo.drawn")
    return Outcome({"name": recipe.name, "pictures": len(drives) * recipe.frames}, [(scratch, target)])
