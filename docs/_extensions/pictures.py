"""Small pictures of a function and its derivatives, as SVG whose colours are the page's."""

import numpy as np

WIDTH, HEIGHT, MARGIN, LABELS = 250, 130, 12, 34
N_POINTS = 161
JUMP = 0.3  # of the picture's height between two points: no line is drawn


def picture(label, x, curves):
    """SVG of some curves over `x`.

    Parameters
    ----------
    label : str
        What a reader hears who does not see it.
    x : ndarray
    curves : dict of str to ndarray
        Values by class of the line: ``value``, ``dx``, ``dy``; NaN where there is none.
    """
    values = np.concatenate(list(curves.values()))
    low, high = np.nanmin(values), np.nanmax(values)
    room = (high - low) or 1.0
    low, high = low - 0.05 * room, high + 0.05 * room

    def column(at):
        return LABELS + (at - x[0]) / (x[-1] - x[0]) * (WIDTH - LABELS - MARGIN)

    def row(at):
        return MARGIN + (high - at) / (high - low) * (HEIGHT - 2 * MARGIN)

    parts = []
    if low < 0.0 < high:
        parts.append(axis(column(x[0]), row(0.0), column(x[-1]), row(0.0)))
    if x[0] < 0.0 < x[-1]:
        parts.append(axis(column(0.0), row(high), column(0.0), row(low)))
    for name, y in curves.items():
        parts.append(f'<path class="{name}" d="{path(column(x), row(y))}"/>')
    parts += [
        text(LABELS, HEIGHT - 2, "start", x[0]),
        text(WIDTH - MARGIN, HEIGHT - 2, "end", x[-1]),
        text(LABELS - 4, row(high - 0.05 * room) + 3, "end", high - 0.05 * room),
        text(LABELS - 4, row(low + 0.05 * room) + 3, "end", low + 0.05 * room),
    ]
    return (
        f'<svg class="curves" role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}">{"".join(parts)}</svg>'
    )


def axis(x1, y1, x2, y2):
    return f'<path class="axis" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def text(x, y, anchor, number):
    shown = f"{number + 0.0:.3g}".replace("-", "−")
    return f'<text x="{x}" y="{y:.0f}" text-anchor="{anchor}">{shown}</text>'


def path(columns, rows):
    """Path through points; broken where one is missing or the curve jumps."""
    steps, pen = [], "M"
    for i, (column, row) in enumerate(zip(columns, rows, strict=True)):
        if np.isnan(row):
            pen = "M"
            continue
        if i and abs(row - rows[i - 1]) > JUMP * HEIGHT:
            pen = "M"
        steps.append(f"{pen}{column:.1f} {row:.1f}")
        pen = "L"
    return "".join(steps)
