"""Web pages: restore, generate and rate images in the browser.

What is here works without TensorFlow until an image is restored, so that a
server of ratings starts at once and stays small.
"""

from keras_synth.app.rate_export import Exported, rate_export
from keras_synth.app.rate_new import NewStudy, rate_new
from keras_synth.app.rate_report import Report, rate_report
from keras_synth.app.serve import Served, serve
from keras_synth.app.studies import Study

__all__ = [
    "Exported",
    "NewStudy",
    "Report",
    "Served",
    "Study",
    "rate_export",
    "rate_new",
    "rate_report",
    "serve",
]
