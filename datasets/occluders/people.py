"""Drawn people: fingers, hands, forearms, heads from all sides.

Lengths are parts of the canvas's side, angles radians where nothing else is said, colours BGR. Proportions, ranges and
chances in the drawing code were set by eye: it shows once and at one place what each of them is.
"""

import cv2
import numpy as np

from datasets.occluders.materials import cloth_colour, draw_cloth, draw_hair, draw_skin
from datasets.occluders.sprite import Canvas, smooth_noise
from utils.arrays import AnyArray, Points


def _finger_onto(canvas: Canvas, base: Points, tip: Points, radius: float, skin: AnyArray, nail: bool) -> None:
    """Paint one finger from base to tip, with creases and perhaps its nail."""
    rng = canvas.rng
    along = tip - base
    across = np.array([-along[1], along[0]])
    bend = rng.normal(0, 0.06)
    points = np.array([base + along * t + across * bend * np.sin(np.pi * t) for t in (0, 0.35, 0.7, 1.0)])
    swell = 1 + rng.normal(0, 0.04, 4)
    canvas.paint(canvas.stroke(points, radius * np.array([1.05, 1.0, 0.96, 0.82]) * swell), skin, 0.45)
    length = float(np.hypot(*along))
    direction = along / max(length, 1e-6)
    normal = np.array([-direction[1], direction[0]])
    degrees = float(np.degrees(np.arctan2(direction[1], direction[0])))
    dark = np.asarray(skin).mean(axis=(0, 1)) * 0.6
    for place in (0.4, 0.72):
        for _ in range(int(rng.integers(1, 4))):
            middle = base + along * (place + rng.normal(0, 0.02)) + across * bend * np.sin(np.pi * place)
            ends = np.array([middle - normal * radius * 0.7, middle, middle + normal * radius * 0.7])
            ends[1] += direction * radius * rng.normal(0, 0.12)
            canvas.tint(canvas.stroke(ends, [radius * 0.03] * 3) * canvas.alpha, dark, rng.uniform(0.15, 0.5))
    if nail:
        centre = tip - direction * radius * 0.05
        shape = canvas.ellipse((float(centre[0]), float(centre[1])), (radius * 0.78, radius * 0.56), degrees)
        polish = rng.uniform(20, 230, 3) if rng.random() < 0.12 else np.asarray(skin).mean(axis=(0, 1)) * 0.5 + 110
        canvas.tint(shape, np.clip(polish * np.array([0.97, 0.96, 1.06]), 0, 250), rng.uniform(0.35, 0.9))
        rim = cv2.absdiff(shape, cv2.erode(shape, np.ones((3, 3), np.uint8)))
        canvas.tint(rim, dark, 0.35)
        shine = centre + normal * radius * rng.uniform(-0.3, 0.3)
        spot = canvas.ellipse((float(shine[0]), float(shine[1])), (radius * 0.4, radius * 0.12), degrees)
        canvas.tint(
            cv2.GaussianBlur(spot, (0, 0), max(1.0, radius * canvas.side * 0.1)), (245, 245, 250), rng.uniform(0, 0.6)
        )


def draw_finger(rng: np.random.Generator, side: int) -> Canvas:
    """One to three fingers or a thumb, cut at the bottom."""
    canvas = Canvas(side, rng)
    skin = draw_skin(rng, side)
    count = int(rng.choice([1, 2, 3], p=[0.65, 0.25, 0.1]))
    radius = rng.uniform(0.09, 0.17) / (1 + 0.35 * (count - 1))
    nail = rng.random() < 0.6
    for index in range(count):
        x = 0.5 + (index - (count - 1) / 2) * radius * 2.15
        top = rng.uniform(0.08, 0.2) + 0.08 * abs(index - (count - 1) / 2) + radius
        lean = rng.normal(0, 0.06)
        _finger_onto(canvas, np.array([x, 1.1]), np.array([x + lean, top]), radius, skin, nail)
    return canvas


def draw_hand(rng: np.random.Generator, side: int) -> Canvas:
    """A hand with wrist, seen from its back or palm, fingers spread, bent or closed."""
    canvas = Canvas(side, rng)
    skin = draw_skin(rng, side)
    wrist = rng.uniform(0.12, 0.16)
    palm = np.array([[0.5, 1.15], [0.5, 0.86], [0.5 + rng.normal(0, 0.02), 0.66], [0.5, 0.56]])
    fist = rng.random() < 0.3
    spread = rng.uniform(0.2, 1.0)
    nails = rng.random() < 0.5

    def fingers() -> None:
        for index, length in enumerate(rng.uniform(0.9, 1.1, 4) * np.array([0.31, 0.36, 0.34, 0.27])):
            angle = (index - 1.5) * 0.26 * spread + rng.normal(0, 0.05)
            length *= rng.uniform(0.25, 0.5) if fist or rng.random() < 0.15 else 1
            base = np.array([0.5 + (index - 1.5) * 0.085, 0.57])
            tip = base + length * np.array([np.sin(angle), -np.cos(angle)])
            _finger_onto(canvas, base, tip, rng.uniform(0.04, 0.05), skin, nails)

    def thumb() -> None:
        angle = rng.uniform(-1.2, -0.2)
        base = np.array([0.4, 0.82])
        tip = base + rng.uniform(0.24, 0.34) * np.array([np.sin(angle), -np.cos(angle)])
        _finger_onto(canvas, base, tip, rng.uniform(0.05, 0.062), skin, nails)

    part_drawers = [fingers, thumb] if rng.random() < 0.5 else [thumb, fingers]
    part_drawers.insert(
        int(rng.integers(0, 3)), lambda: canvas.paint(canvas.stroke(palm, [wrist, wrist, 0.185, 0.17]), skin, 0.3)
    )
    for draw_part in part_drawers:
        draw_part()
    _sleeve(canvas, rng, chance=0.45, width=wrist)
    return canvas


def draw_arm(rng: np.random.Generator, side: int) -> Canvas:
    """A forearm, bare or sleeved, with a hand half closed at its end."""
    canvas = Canvas(side, rng)
    skin = draw_skin(rng, side)
    radius = rng.uniform(0.09, 0.13)
    bend = rng.normal(0, 0.05)
    points = np.array([[0.5, 1.15], [0.5 + bend, 0.75], [0.5 + bend, 0.42], [0.5 + bend * 1.5, 0.3]])
    canvas.paint(canvas.stroke(points, radius * np.array([1.25, 1.1, 0.85, 1.1])), skin, 0.4)
    knuckles = points[-1]
    for index in range(4):
        angle = (index - 1.5) * rng.uniform(0.15, 0.4) + rng.normal(0, 0.08)
        base = knuckles + np.array([(index - 1.5) * radius * 0.5, 0])
        tip = base + rng.uniform(0.1, 0.24) * np.array([np.sin(angle), -np.cos(angle)])
        _finger_onto(canvas, base, tip, radius * 0.29, skin, rng.random() < 0.4)
    _sleeve(canvas, rng, chance=0.7, width=radius * 1.2, top=rng.uniform(0.4, 0.9))
    if rng.random() < 0.25:  # a watch or a bracelet
        y = rng.uniform(0.4, 0.5)
        band = np.array([[0.5 + bend - radius, y], [0.5 + bend, y - 0.01], [0.5 + bend + radius, y]])
        canvas.paint(canvas.stroke(band, [0.02] * 3) * canvas.alpha, rng.uniform(10, 200, 3), 0.5)
    return canvas


def _sleeve(canvas: Canvas, rng: np.random.Generator, chance: float, width: float, top: float = 0.86) -> None:
    if rng.random() > chance:
        return
    points = np.array([[0.5, 1.15], [0.5, (1.1 + top) / 2], [0.5, top]])
    mask = canvas.stroke(points, np.array([1.35, 1.25, 1.2]) * width)
    rows = np.arange(canvas.side, dtype=np.float32)[:, None] / canvas.side
    mask = mask * np.clip((rows - top) * canvas.side + 0.5, 0, 1)
    canvas.paint(mask, draw_cloth(rng, canvas.side), 0.35)


def draw_head(rng: np.random.Generator, side: int) -> Canvas:
    """Head and shoulders from the front, the side or behind; bare-headed, in a cap, hat, hood or headscarf."""
    canvas = Canvas(side, rng)
    skin, hair, cloth = draw_skin(rng, side), draw_hair(rng, side), draw_cloth(rng, side)
    x = 0.5 + rng.normal(0, 0.02)
    w, h = rng.uniform(0.125, 0.16), rng.uniform(0.165, 0.21)
    y = rng.uniform(0.28, 0.34)
    behind = rng.random() < 0.35
    long_hair = rng.random() < 0.4

    if long_hair:
        fall = rng.uniform(0.55, 0.85)
        points = np.array([[x, y - h * 0.5], [x, y + 0.1], [x + rng.normal(0, 0.02), fall]])
        canvas.paint(canvas.stroke(points, [w * 1.15, w * 1.35, w * rng.uniform(1.1, 1.6)]), hair, 0.35)
    shoulders = rng.uniform(0.3, 0.46)
    neck = y + h + rng.uniform(0.03, 0.07)
    slope = rng.uniform(0.08, 0.18)
    canvas.paint(
        canvas.stroke(np.array([[x, y], [x, neck + 0.05], [x, neck + 0.15]]), [w * 0.62, w * 0.6, w * 0.75]), skin, 0.35
    )
    half = np.array(
        [[w * 0.62, neck], [shoulders * 0.6, neck + slope * 0.55], [shoulders, neck + slope], [shoulders * 1.06, 1.2]]
    )
    outline = np.vstack([half * (-1, 1), half[::-1]]) + np.array([x, 0])
    torso = cv2.GaussianBlur(canvas.polygon(outline), (0, 0), max(1.0, side / 60))
    canvas.paint(np.clip((torso - 0.5) * side / 12 + 0.5, 0, 1), cloth, 0.3)
    if rng.random() < 0.4:  # collar or neckline
        collar = np.array([[x - w * 0.7, neck + 0.01], [x, neck + 0.05], [x + w * 0.7, neck + 0.01]])
        canvas.paint(canvas.stroke(collar, [0.018] * 3), cloth_colour(rng), 0.3)

    head = canvas.ellipse((x, y), (w, h), rng.normal(0, 5))
    if behind:
        canvas.paint(np.maximum(head, canvas.ellipse((x, y - h * 0.1), (w * 1.06, h))), hair, 0.35)
    else:
        canvas.paint(head, skin, 0.4)
        _face(canvas, rng, x + rng.normal(0, w * 0.12), y, w, h, hair)
        cap = canvas.ellipse((x, y - h * 0.2), (w * 1.1, h * 0.92), rng.normal(0, 6))
        face = canvas.ellipse(
            (x + rng.normal(0, w * 0.1), y + h * rng.uniform(0.15, 0.3)), (w * rng.uniform(0.82, 0.98), h * 0.95)
        )
        bald = rng.random() < 0.1
        if not bald:
            canvas.paint(np.clip(cap - face, 0, 1), hair, 0.3)
            if long_hair:
                for sign in (-1, 1):
                    lock = np.array(
                        [
                            [x + sign * w * 0.9, y - h * 0.4],
                            [x + sign * w * 1.1, y + h * 0.5],
                            [x + sign * w * 1.1, neck + 0.12],
                        ]
                    )
                    canvas.paint(canvas.stroke(lock, [w * 0.25, w * 0.3, w * 0.35]), hair, 0.3)
    _headwear(canvas, rng, x, y, w, h)
    return canvas


def _face(canvas: Canvas, rng: np.random.Generator, x: float, y: float, w: float, h: float, hair: AnyArray) -> None:
    for sign in (-1, 1):
        eye = (x + sign * w * 0.42, y + h * 0.02)
        canvas.tint(canvas.ellipse(eye, (w * 0.2, h * 0.07)), (225, 225, 228), 0.7)
        canvas.tint(canvas.ellipse(eye, (w * 0.09, h * 0.07)), (25, 30, 40), 0.9)
        brow = np.array(
            [
                [eye[0] - w * 0.22, eye[1] - h * 0.14],
                [eye[0], eye[1] - h * 0.19],
                [eye[0] + w * 0.22, eye[1] - h * 0.14],
            ]
        )
        canvas.tint(canvas.stroke(brow, [h * 0.025] * 3), hair, 0.8)
        canvas.tint(canvas.ellipse((x + sign * w * 1.0, y + h * 0.1), (w * 0.13, h * 0.2)), (60, 80, 120), 0.25)
    nose = np.array([[x, y], [x + rng.normal(0, w * 0.08), y + h * 0.28], [x, y + h * 0.33]])
    canvas.tint(cv2.GaussianBlur(canvas.stroke(nose, [w * 0.05, w * 0.12, w * 0.16]), (0, 0), 2), (70, 90, 130), 0.35)
    canvas.tint(canvas.ellipse((x, y + h * 0.58), (w * 0.34, h * rng.uniform(0.04, 0.09))), (80, 80, 165), 0.7)
    if rng.random() < 0.2:
        canvas.tint(canvas.ellipse((x, y + h * 0.75), (w * 0.75, h * 0.4)), hair, rng.uniform(0.3, 0.9))
    if rng.random() < 0.25:
        for sign in (-1, 1):
            frame = canvas.ellipse((x + sign * w * 0.42, y + h * 0.02), (w * 0.34, h * 0.18))
            canvas.tint(frame - cv2.erode(frame, np.ones((3, 3), np.uint8)), (20, 20, 20), 0.9)
    if rng.random() < 0.12:  # a medical mask
        canvas.paint(canvas.ellipse((x, y + h * 0.5), (w * 0.85, h * 0.42)), (225, 215, 200), 0.25)


def _headwear(canvas: Canvas, rng: np.random.Generator, x: float, y: float, w: float, h: float) -> None:
    kind = rng.random()
    white = rng.random() < 0.45
    colour = rng.uniform(195, 250) * np.ones(3) if white else cloth_colour(rng)
    surface = colour * (1 + 0.06 * smooth_noise(rng, canvas.side, 6))[..., None]
    if kind < 0.14:  # a cap or a helmet
        crown = canvas.ellipse((x, y - h * 0.42), (w * 1.12, h * 0.75))
        rows = np.arange(canvas.side, dtype=np.float32)[:, None] / canvas.side
        canvas.paint(crown * np.clip((y - h * 0.3 - rows) * canvas.side, 0, 1), surface, 0.35)
        brim = np.array([[x - w * 1.1, y - h * 0.33], [x, y - h * 0.25], [x + w * rng.uniform(1.1, 1.6), y - h * 0.33]])
        canvas.paint(canvas.stroke(brim, [h * 0.06, h * 0.1, h * 0.05]), surface, 0.3)
    elif kind < 0.24:  # a hat with a brim all round
        canvas.paint(canvas.ellipse((x, y - h * 0.45), (w * rng.uniform(1.6, 2.2), h * 0.28)), surface, 0.35)
        canvas.paint(canvas.ellipse((x, y - h * 0.75), (w * 1.05, h * 0.5)), surface, 0.35)
    elif kind < 0.32:  # a tall cook's or nurse's hat
        tall = np.array([[x, y - h * 0.5], [x, y - h * 0.9], [x, y - h * 1.2]])
        canvas.paint(canvas.stroke(tall, [w * 1.0, w * 1.02, w * rng.uniform(0.9, 1.4)]), surface, 0.35)
    elif kind < 0.39:  # a hood or a headscarf
        hood = canvas.ellipse((x, y + h * 0.05), (w * 1.35, h * 1.25))
        face = canvas.ellipse((x, y + h * 0.12), (w * 0.8, h * 0.8))
        canvas.paint(np.clip(hood - face, 0, 1), surface, 0.35)


def draw_crown(rng: np.random.Generator, side: int) -> Canvas:
    """A head seen from above as it leans over the page: hair, a bald skull or a hat, ears, shoulders behind."""
    canvas = Canvas(side, rng)
    skin, hair, cloth = draw_skin(rng, side), draw_hair(rng, side), draw_cloth(rng, side)
    w, h, y = rng.uniform(0.17, 0.24), rng.uniform(0.2, 0.28), rng.uniform(0.36, 0.5)
    if rng.random() < 0.85:
        canvas.paint(canvas.ellipse((0.5, y + h + 0.1), (rng.uniform(0.36, 0.49), rng.uniform(0.2, 0.3))), cloth, 0.35)
    neck = np.array([[0.5, y], [0.5, 0.9], [0.5, 1.2]])
    canvas.paint(canvas.stroke(neck, np.array([0.6, 0.9, 1.3]) * w), cloth, 0.3)
    for sign in (-1, 1):
        canvas.paint(canvas.ellipse((0.5 + sign * w, y + rng.normal(0, 0.02)), (0.03, 0.06)), skin, 0.4)
    canvas.paint(canvas.ellipse((0.5, y - h * 0.85), (w * 0.2, h * rng.uniform(0.1, 0.3))), skin, 0.4)  # the nose
    skull = canvas.ellipse((0.5, y), (w, h), rng.normal(0, 6))
    kind = rng.random()
    if kind < 0.12:
        canvas.paint(skull, skin, 0.45)
    elif kind < 0.4:
        white = rng.random() < 0.4
        colour = rng.uniform(200, 252) * np.ones(3) if white else cloth_colour(rng)
        surface = colour * (1 + 0.05 * smooth_noise(rng, side, 6))[..., None]
        if rng.random() < 0.6:  # a brim, on all sides or in front
            reach = rng.uniform(1.25, 1.6)
            front = canvas.ellipse((0.5, y - h * 0.75), (w * 0.75, h * 0.55))
            round_brim = canvas.ellipse((0.5, y), (w * reach, h * reach))
            canvas.paint(front if rng.random() < 0.6 else round_brim, surface, 0.3)
        canvas.paint(canvas.ellipse((0.5, y), (w * 1.06, h * 1.04)), surface, 0.45)
    else:
        canvas.paint(skull, hair, 0.4)
        if rng.random() < 0.4:  # a parting or a thin spot
            spot = canvas.ellipse(
                (0.5 + rng.normal(0, 0.04), y + rng.uniform(-0.1, 0.1)), (w * 0.12, h * rng.uniform(0.15, 0.6))
            )
            canvas.tint(
                cv2.GaussianBlur(spot, (0, 0), max(1.0, side / 60)), skin.mean(axis=(0, 1)), rng.uniform(0.2, 0.8)
            )
        if rng.random() < 0.25:  # a bun or a tail
            bun = (0.5 + rng.normal(0, 0.03), y + h * rng.uniform(0.5, 1.1))
            canvas.paint(canvas.ellipse(bun, (w * rng.uniform(0.3, 0.5), h * rng.uniform(0.3, 0.8))), hair, 0.5)
    return canvas
