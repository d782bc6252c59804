"""How right the outputs of a flow are: labelled documents in, scores, calibration and a report out.

Pure but for reading the label files: whoever runs the flow brings the outputs. The rules are those of docs/eval.md.
"""

from __future__ import annotations

from docmill.evaluate.dataset import DatasetError, Labelled, read_dataset
from docmill.evaluate.fields import Field, Fields, Table, fields_of, unknown_part
from docmill.evaluate.places import Place
from docmill.evaluate.scoring import DocumentScore, FieldScore, Outcome, Produced, Proof, Times, score
from docmill.evaluate.summary import SetSummary, summarize

__all__ = [
    "DatasetError",
    "DocumentScore",
    "Field",
    "FieldScore",
    "Fields",
    "Labelled",
    "Outcome",
    "Place",
    "Produced",
    "Proof",
    "SetSummary",
    "Table",
    "Times",
    "fields_of",
    "read_dataset",
    "score",
    "summarize",
    "unknown_part",
]
