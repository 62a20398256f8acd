"""A picture of the main table: CPU per transaction, relative to PgBouncer, as SVG."""

import math
from dataclasses import dataclass
from html import escape

WIDTH = 760
LEFT, RIGHT = 190, 64             # of the bars: where they begin, what is left for their figures
TOP = 74
ROW, GAP, BAR = 18, 12, 10        # heights of a row, between two workloads, of a bar
LONGEST = 2.0                     # no outlier may squeeze all others
STYLE = """
.page { fill: #ffffff; }
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; }
.workload { font-weight: 600; }
.note { font-size: 11px; fill: #59636e; }
.grid { stroke: #d1d9e0; }
.one { stroke: #1f2328; stroke-width: 1.5; }
.less { fill: #54a3f5; }
.more { fill: #e08a3c; }
.spread { stroke: #59636e; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; }
text { fill: #f0f6fc; }
.note { fill: #9198a1; }
.grid { stroke: #3d444d; }
.one { stroke: #f0f6fc; }
.less { fill: #1f6feb; }
.more { fill: #bd6a21; }
.spread { stroke: #c3cad2; }
}
"""


@dataclass(frozen=True)
class Ratio:
    workload: str
    clients: int
    median: float
    low: float
    high: float


class Scale:
    def __init__(self, ratios):
        furthest = max([1.0, *(min(ratio.high, LONGEST) for ratio in ratios),
                        *(ratio.median for ratio in ratios)])
        self.end = math.ceil(furthest * 4) / 4

    def x(self, value):
        share = min(value, self.end) / self.end
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def steps(self):
        return [step / 4 for step in range(int(self.end * 4) + 1)]


def text(x, y, content, kind="", anchor="start"):
    return (f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">'
            f'{escape(content)}</text>')


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="{kind}"/>'


def grid(scale, bottom):
    for step in scale.steps():
        kind = "one" if step == 1 else "grid"
        yield line(scale.x(step), TOP - 6, scale.x(step), bottom, kind)
        label = "PgBouncer = 1" if step == 1 else f"{step:g}"
        yield text(scale.x(step), TOP - 12, label, "note", "middle")


def row(scale, ratio, y):
    middle = y + ROW / 2
    kind = "less" if ratio.median <= 1 else "more"
    yield text(LEFT - 10, middle + 4, f"{ratio.clients:,}", anchor="end")
    yield (f'<rect x="{LEFT}" y="{middle - BAR / 2}" width="{scale.x(ratio.median) - LEFT:.1f}" '
           f'height="{BAR}" class="{kind}"/>')
    yield line(scale.x(ratio.low), middle, scale.x(ratio.high), middle, "spread")
    if ratio.high > scale.end:
        yield text(scale.x(scale.end) + 2, middle + 4, "›", "note")
    yield text(WIDTH - RIGHT + 14, middle + 4, f"{ratio.median:.2f}")


def draw(ratios, caption):
    """Bars are medians of the rounds; the thin line goes from the smallest to the largest."""
    scale, body, y, workload = Scale(ratios), [], TOP, None
    for ratio in ratios:
        if ratio.workload != workload:
            y += GAP if workload else 0
            workload = ratio.workload
            body.append(text(16, y + ROW / 2 + 4, workload, "workload"))
        body += row(scale, ratio, y)
        y += ROW
    title = "CPU time of pgsaba per transaction, relative to PgBouncer"
    notes = "less is better; by workload and number of clients; bar: median, line: all rounds"
    height = y + 34
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{title}</title>", f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" rx="6" class="page"/>',
        text(16, 24, title, "title"), text(16, 42, notes, "note"),
        *grid(scale, y + 4), *body, text(16, height - 10, caption, "note"), "</svg>", ""])
