#!/usr/bin/env bash
# Draws the example pictures that our own generator did not: each with another program, at another size.
# Needs Debian's imagemagick, librsvg2-bin and python3-cairo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../Models/examples"

# ImageMagick, 200×200: a large green cross in the lower right quarter, on a background that falls off to the corners.
convert -size 200x200 radial-gradient:'#484848'-'#202020' -fill '#24bd3d' \
    -draw 'rectangle 104,135 196,165' -draw 'rectangle 135,104 165,196' -strip green-cross.png

# librsvg, 512×512, from a drawing written by hand.
rsvg-convert -w 512 -h 512 blue-ring-white-square.svg -o blue-ring-white-square.png

# ImageMagick, 300×300 and a JPEG of quality 12: blocks and smeared colours.
convert -size 300x300 'gradient:#404040-#282828' -fill '#f2d924' -draw 'polygon 225,30 181,110 269,110' \
    -fill '#fa73bf' -draw 'circle 225,225 225,294' -strip -sampling-factor 4:2:0 -quality 12 yellow-triangle-pink-circle.jpg

# cairo, 96×96, with an alpha channel: a large red diamond in the upper left quarter.
/usr/bin/python3 - <<'END'
import cairo
surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, 96, 96)
context = cairo.Context(surface)
context.set_source_rgb(0.18, 0.18, 0.18)
context.paint()
context.set_source_rgb(0.90, 0.14, 0.14)
for point in ((24, 1), (47, 24), (24, 47), (1, 24)):
    context.line_to(*point)
context.fill()
surface.write_to_png("red-diamond.png")
END

# ImageMagick, 128×128: what the models do not know, a white page.
convert -size 128x128 xc:white -fill '#e62424' -draw 'circle 32,32 32,61' -strip red-circle-on-white.png
