"""Curves on logarithmic axes, as SVG."""
from html import escape
from math import ceil, floor, log10

COLOURS = ["#0b6e4f", "#c8553d", "#3d5a98", "#8e5ea2", "#b08900", "#666666"]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 64, 16, 34, 92


def text(x, y, words, anchor="middle", size=12, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" {more}>{escape(words)}</text>'


def plot(title, x_name, y_name, curves):
    """curves: {name: [(x, y)]}, all greater than 0."""
    xs = sorted({x for points in curves.values() for x, _ in points})
    ys = [y for points in curves.values() for _, y in points if y > 0]
    low, high = floor(log10(min(ys))), ceil(log10(max(ys)) + 1e-9)
    span = max(log10(xs[-1] / xs[0]), 1e-9)
    at_x = lambda x: LEFT + (WIDTH - LEFT - RIGHT) * log10(x / xs[0]) / span
    at_y = lambda y: HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (log10(y) - low) / (high - low)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', text(WIDTH / 2, 20, title, size=14)]
    for power in range(low, high + 1):
        y = at_y(10**power)
        parts += [f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>', text(LEFT - 6, y + 4, f"{10**power:g}", "end")]
    for x in xs:
        parts += [f'<line x1="{at_x(x):.1f}" y1="{TOP}" x2="{at_x(x):.1f}" y2="{HEIGHT - BOTTOM}" stroke="#eee"/>', text(at_x(x), HEIGHT - BOTTOM + 16, f"{x:g}")]
    parts += [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 34, x_name), text(16, (TOP + HEIGHT - BOTTOM) / 2, y_name, more=f'transform="rotate(-90 16 {(TOP + HEIGHT - BOTTOM) / 2:.0f})"')]
    for i, (name, points) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        places = [(at_x(x), at_y(y)) for x, y in points if y > 0]
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in places) + '"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        x, y = LEFT + (i % 2) * 290, HEIGHT - BOTTOM + 54 + (i // 2) * 18
        parts += [f'<line x1="{x}" y1="{y - 4}" x2="{x + 24}" y2="{y - 4}" stroke="{colour}" stroke-width="3"/>', text(x + 30, y, name, "start")]
    return "\n".join(parts + ["</svg>"]) + "\n"
