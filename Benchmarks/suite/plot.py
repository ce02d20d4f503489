"""Line plots as SVG, with nothing but Python: points are what was measured, lines what is computed."""
import html
import math

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 330, 250, 52, 44, 34, 12
COLOURS = ("#1f5fa8", "#c2571a", "#4a7d32")


def ticks(high, count=5):
    """Round numbers from 0 to just above `high`."""
    step = 10 ** math.floor(math.log10(high / count))
    step = next(step * factor for factor in (1, 2, 2.5, 5, 10) if step * factor * count >= high)
    return [index * step for index in range(math.ceil(high / step - 1e-9) + 1)]


def panel(title, across, up, series):
    """`series`: (name, points as (x, y), whether they are a line) each. All axes begin at 0."""
    xs = ticks(max(x for _, points, _ in series for x, _ in points))
    ys = ticks(max(y for _, points, _ in series for _, y in points))

    def place(x, y):
        return (LEFT + x / xs[-1] * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / ys[-1] * (HEIGHT - BOTTOM - TOP))

    def label(x, y, text, anchor="middle", more=""):
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{html.escape(text)}</text>'

    parts = [label(WIDTH / 2, 16, title, more=' font-weight="bold"')]
    for x in xs:
        column, _ = place(x, 0)
        parts.append(label(column, HEIGHT - BOTTOM + 14, f"{x:g}"))
    for y in ys:
        left, row = place(0, y)
        parts.append(f'<line x1="{left}" y1="{row:.1f}" x2="{WIDTH - RIGHT}" y2="{row:.1f}" stroke="#ddd"/>')
        parts.append(label(left - 5, row + 4, f"{y:g}", "end"))
    parts.append(label((LEFT + WIDTH) / 2, HEIGHT - 10, across))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(label(12, middle, up, more=f' transform="rotate(-90 12 {middle})"'))
    for index, (name, points, line) in enumerate(series):
        colour = COLOURS[index // 2 % len(COLOURS)]
        placed = [place(x, y) for x, y in points]
        if line:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
        else:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
        if name:
            parts.append(label(LEFT + 8, TOP + 12 + 13 * (index // 2), name, "start", f' fill="{colour}"'))
    return "\n".join(parts)


def figure(panels):
    """Panels side by side, as one file."""
    width = WIDTH * len(panels)
    groups = "\n".join(f'<g transform="translate({WIDTH * index} 0)">\n{text}\n</g>' for index, text in enumerate(panels))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" '
            f'font-family="sans-serif" font-size="11">\n<rect width="{width}" height="{HEIGHT}" fill="white"/>\n'
            f'{groups}\n</svg>\n')
