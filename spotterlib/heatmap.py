"""Temporal Grad-CAM under the name that its users know: see `spotterlib.scan`."""

from .scan import explain_clips as explain_clips
from .scan import grad_cam as grad_cam
from .scan import shown_heat as shown_heat
