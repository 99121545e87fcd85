"""The embedded picture data: animals drawn by code from seeds, in three styles (domains)."""

from helpers.data.drawn.brush import Drawing, draw, drawing
from helpers.data.drawn.folder import dataset, version, write_folder
from helpers.data.drawn.species import FACING, SPECIES, STYLES

__all__ = ["FACING", "SPECIES", "STYLES", "Drawing", "dataset", "draw", "drawing", "version", "write_folder"]
