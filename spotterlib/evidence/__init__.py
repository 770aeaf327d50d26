"""A report as something to look at: pictures, the diagnostic video, the page to hand on, the widgets.

In: a `ScanReport`. Out: overlays, contact sheet, diagnostic video, one HTML file, scrubber and boxes for a notebook.
All HTML is made from the Jinja2 files in `templates/`. Imports `base`, `video`, `faces`, `scan`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "boxes": ["upload_box"],
        "charts": ["plot_compared", "plot_scores_over_time"],
        "diagnostic": ["draw_frame", "predict_with_diagnostics", "write_diagnostic_video"],
        "draw": ["VERDICTS", "ink_on"],
        "heat": ["overlay_heatmap", "upsample_heatmap"],
        "known": ["plot_known_mask"],
        "markup": ["data_address", "figure_text", "fill_page"],
        "page": ["export_page"],
        "scrubber": ["FrameScrubber", "examine"],
        "sheet": ["contact_sheet", "sheet_picture", "telling_frames"],
        "words": ["LIMITS", "PICTURE_LIMITS", "heat_note", "heat_numbers"],
    },
)
