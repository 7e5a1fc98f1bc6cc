"""The published prediction script's arithmetic, as a slow and separate reference."""

import cv2
import numpy as np


def published(image, segment, inpaint, side=1536, ratio=6):
    """The published flow, spelled out slowly and separately from the code under test."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (480, 640)).astype(np.float32) / 255
    logits = segment(((small - 0.6) / 0.2).transpose(2, 0, 1)[None].astype(np.float32))[0][0]
    mask = cv2.dilate(logits.argmax(0).astype(np.uint8), np.ones((4, 4))) * np.uint8(128)
    mask = cv2.resize(mask, (width, height))
    x, y, w, h = cv2.boundingRect(cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0][-1])
    left = min(max(int(x + w / 2) - side // 2, 0), width - side)
    top = min(max(int(y + h / 2) - side // 2, 0), height - side)
    n = side // ratio
    crop = cv2.resize(image[top : top + side, left : left + side], (n, n)).astype(np.float64) / 255
    hole = cv2.resize(mask[top : top + side, left : left + side], (n, n)) / 128
    blank = (crop * (1 - hole[..., None])).transpose(2, 0, 1)[None].astype(np.float32)
    drawn = inpaint(blank, hole[None, None].astype(np.float32))[1][0].transpose(1, 2, 0) * 255
    drawn = cv2.resize(drawn, (side, side))
    truncated = cv2.resize(hole.astype(np.uint8), (side, side))[..., None]
    result = image.astype(np.float64)
    result[top : top + side, left : left + side] *= 1 - truncated
    result[top : top + side, left : left + side] += drawn * truncated
    return result
