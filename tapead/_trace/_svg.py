"""A drawing of the computational graph: layers from left to right, drawn without other programs.

Long edges pass through a free place in every layer they cross; the order within the layers comes
from a few barycentre sweeps [1]_.

.. [1] K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical system
   structures", IEEE Trans. Systems, Man, and Cybernetics 11 (1981), 109-125.
"""

import itertools
from collections import defaultdict
from xml.sax.saxutils import escape

from tapead._trace import _graph
from tapead._trace._text import columns

MOST = 300  # nodes; more are no longer a picture
CHARACTER, LINE, PAD, PORT = 8.0, 19.0, 10.0, 18.0  # of 13 px text
LAYER_GAP, BOX_GAP, PASS_HEIGHT = 80.0, 22.0, 10.0
SWEEPS = 12
FILL = {"input": "#e8f0fe", "step": "#ffffff", "result": "#fff4d6"}
PARTS = "formula", "value", "adjoint"
COLOUR = {"formula": "#111", "value": "#111", "adjoint": "#b3261e"}
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{w:.0f}" height="{h:.0f}" \
viewBox="0 0 {w:.0f} {h:.0f}" font-family="DejaVu Sans, Segoe UI, Arial, sans-serif" font-size="13">
<title>{title}</title>
<defs><marker id="tapead-arrow" markerUnits="userSpaceOnUse" markerWidth="8" markerHeight="8" \
refX="7" refY="4" orient="auto">\
<path d="M0,1 L7,4 L0,7 z" fill="#777"/></marker></defs>
<rect width="100%" height="100%" fill="#ffffff"/>"""


def draw(trace, room=None):
    """The graph of a trace as an SVG document.

    Boxes and edges have classes and ``data-`` attributes, by which a page finds them. `room` is a
    dict of texts by node that must fit its box as well.
    """
    boxes, edges = _graph.graph(trace, MOST, "to_svg")
    if not boxes:
        raise ValueError("to_svg needs a node to draw; this trace has no inputs and no steps")
    drawing = Drawing(boxes, edges, room or {})
    parts = [HEAD.format(w=drawing.width, h=drawing.height, title=escape(repr(trace)))]
    parts += [drawing.curve(edge) for edge in edges]
    parts += [drawing.box(box) for box in boxes]
    parts += [drawing.label(edge) for edge in edges if edge.label]
    return "\n".join([*parts, "</svg>", ""])


class Drawing:
    """Positions of boxes and edges.

    A place is a box's id, or ``(start, end, layer)`` where an edge passes through a layer.

    Parameters
    ----------
    boxes : list of Box
    edges : list of Edge
    room : dict of int to list of str
        Texts that must fit a box besides its own.
    """

    def __init__(self, boxes, edges, room):
        self.boxes, self.room = {box.id: box for box in boxes}, room
        self.level = _levels(boxes, edges)
        self.routes = {edge[:2]: self._route(edge) for edge in edges}
        self.layers, self.neighbours = self._layers(), self._neighbours()
        self._order()
        self.y = self._align()
        self.x, self.width = self._columns()
        self.height = max(self.y[p] + self.tall(p) / 2 for p in self.y) + PAD

    def wide(self, place):
        """Width of a place."""
        box = self.boxes.get(place)
        if not box:
            return 0.0
        texts = [*_texts(box), *self.room.get(box.id, ())]
        return 2 * PAD + CHARACTER * max(map(columns, texts))

    def tall(self, place):
        """Height of a place."""
        box = self.boxes.get(place)
        return PAD + LINE * len(_texts(box)) if box else PASS_HEIGHT

    def box(self, box):
        """A rectangle and its text."""
        x, width, height = self.x[self.level[box.id]], self.wide(box.id), self.tall(box.id)
        y = self.y[box.id] - height / 2
        frame = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6"'
        parts = [
            f'<g class="node {box.kind}" data-node="{box.id}">',
            f'<rect {frame} fill="{FILL[box.kind]}" stroke="#444"/>',
        ]
        for line, (kind, text) in enumerate(zip(PARTS, _texts(box), strict=False), start=1):
            at = f'x="{x + PAD:.1f}" y="{y + LINE * line:.1f}" fill="{COLOUR[kind]}"'
            parts.append(f'<text class="{kind}" {at}>{escape(text)}</text>')
        return "\n".join([*parts, "</g>"])

    def curve(self, edge):
        """A smooth line with an arrow."""
        points = self._points(edge)
        path = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            middle = (x0 + x1) / 2
            path.append(f"C{middle:.1f},{y0:.1f} {middle:.1f},{y1:.1f} {x1:.1f},{y1:.1f}")
        dash = "" if edge.path else ' stroke-dasharray="4 3"'
        return (
            f'<path {_names_of(edge)} d="{" ".join(path)}" fill="none" stroke="#777"{dash} '
            'marker-end="url(#tapead-arrow)"/>'
        )

    def label(self, edge):
        """The partial, where the edge arrives."""
        x, y = self._points(edge)[-1]
        return (
            f'<text {_names_of(edge)} x="{x - 10:.1f}" y="{y - 3:.1f}" text-anchor="end" '
            'font-size="11" fill="#555" stroke="#fff" stroke-width="3" paint-order="stroke">'
            f"{escape(edge.label)}</text>"
        )

    def _points(self, edge):
        """Where an edge leaves and enters the places on its way."""
        points = []
        for place in self.routes[edge[:2]]:
            left = self.x[self._layer(place)]
            right = left + (self.wide(place) or self._layer_width(self._layer(place)))
            points += [(left, self.y[place]), (right, self.y[place])]
        x, y = points[-2]
        return [*points[1:-2], (x, y + self._port(edge))]

    def _port(self, edge):
        """Where an edge arrives, from the middle of the box: two operands do not meet."""
        before = [p for p in self.neighbours[edge.end] if self._layer(p) < self.level[edge.end]]
        before.sort(key=self.y.get)
        place = before.index(self.routes[edge[:2]][-2])
        return PORT * (place - (len(before) - 1) / 2)

    def _layer(self, place):
        return place[2] if isinstance(place, tuple) else self.level[place]

    def _route(self, edge):
        between = range(self.level[edge.start] + 1, self.level[edge.end])
        return [edge.start, *((edge.start, edge.end, layer) for layer in between), edge.end]

    def _layers(self):
        layers = [[] for _ in range(max(self.level.values()) + 1)]
        for place in [*self.boxes, *(p for route in self.routes.values() for p in route[1:-1])]:
            layers[self._layer(place)].append(place)
        return layers

    def _neighbours(self):
        neighbours = defaultdict(list)
        for route in self.routes.values():
            for left, right in itertools.pairwise(route):
                neighbours[left].append(right)
                neighbours[right].append(left)
        return neighbours

    def _order(self):
        """Sort every layer by the mean place of its neighbours on one side, then the other."""
        for sweep in range(SWEEPS):
            forth = sweep % 2 == 0
            for k in range(len(self.layers)) if forth else reversed(range(len(self.layers))):
                beside = k - 1 if forth else k + 1
                if 0 <= beside < len(self.layers):
                    rank = {place: i for i, place in enumerate(self.layers[beside])}
                    self.layers[k].sort(key=lambda place: self._mean(place, rank, len(rank) / 2))

    def _mean(self, place, rank, otherwise):
        ranks = [rank[p] for p in self.neighbours[place] if p in rank]
        return sum(ranks) / len(ranks) if ranks else otherwise

    def _align(self):
        """Heights: near the neighbours, without overlap."""
        y = {}
        for layer in self.layers:
            self._stack(layer, dict.fromkeys(layer, 0.0), y)
        for _ in range(SWEEPS):
            for layer in self.layers:
                self._stack(layer, {p: self._mean(p, y, y[p]) for p in layer}, y)
        top = min(y[place] - self.tall(place) / 2 for place in y)
        return {place: height - top + PAD for place, height in y.items()}

    def _stack(self, layer, wanted, y):
        """Give the places of a layer the wanted heights, moved apart in their order."""
        bottom = float("-inf")
        for place in layer:
            half = self.tall(place) / 2
            y[place] = max(wanted[place], bottom + half)
            bottom = y[place] + half + BOX_GAP
        shift = sum(wanted[p] - y[p] for p in layer) / len(layer)
        for place in layer:
            y[place] += shift

    def _layer_width(self, layer):
        return max(map(self.wide, self.layers[layer]))

    def _columns(self):
        """Left edge of every layer, and the width of the drawing."""
        left, lefts = PAD, []
        for layer in range(len(self.layers)):
            lefts.append(left)
            left += self._layer_width(layer) + LAYER_GAP
        return lefts, left - LAYER_GAP + PAD


def _levels(boxes, edges):
    """Layer of each box: inputs 0, a step one beyond its last operand."""
    operands = defaultdict(list)
    for edge in edges:
        operands[edge.end].append(edge.start)
    level = {}
    for box in boxes:
        level[box.id] = 1 + max((level[start] for start in operands[box.id]), default=-1)
    return level


def _names_of(edge):
    return f'class="edge" data-edge="{edge.start}-{edge.end}"'


def _texts(box):
    return [text for text in (box.formula, f"= {box.value}", box.adjoint) if text]
