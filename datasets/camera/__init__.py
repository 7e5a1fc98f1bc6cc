"""Photographs of drawn pages: perspective, curl and folds, light and shadows, paper and desk, blur and sensor noise.

A camera states its photo's size; the same camera shows the same scene at any reduction and through any window, so that
a training sample at the networks' resolution need not draw ten million pixels first. Source: none, written for this
toolkit.
"""

from datasets.camera.draw import NARROWEST_PHOTO, draw_camera
from datasets.camera.model import Camera, Desk, Fold, Shadow, Wave, page_points_to_photo, photo_points_to_page
from datasets.camera.photograph import photograph

__all__ = [
    "NARROWEST_PHOTO",
    "Camera",
    "Desk",
    "Fold",
    "Shadow",
    "Wave",
    "draw_camera",
    "page_points_to_photo",
    "photo_points_to_page",
    "photograph",
]
