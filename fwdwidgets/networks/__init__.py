"""Networks, their weights by seed or epoch, a forward pass, and how to read its output."""

from fwdwidgets.networks import models
from fwdwidgets.networks.checkpoints import Checkpoint, Checkpoints
from fwdwidgets.networks.forward import Forward, Run
from fwdwidgets.networks.outputs import (
    Answer,
    answer_picture,
    classes_to_show,
    find_head,
    probabilities,
    rank_classes,
    read_answer,
    sum_tolerance,
    top_classes,
)
from fwdwidgets.networks.seeds import reseed
from fwdwidgets.networks.table_run import TableRun, run_table
from fwdwidgets.networks.views import ForwardView, PictureView

__all__ = [
    "Answer",
    "Checkpoint",
    "Checkpoints",
    "Forward",
    "ForwardView",
    "PictureView",
    "Run",
    "TableRun",
    "answer_picture",
    "classes_to_show",
    "find_head",
    "models",
    "probabilities",
    "rank_classes",
    "read_answer",
    "reseed",
    "run_table",
    "sum_tolerance",
    "top_classes",
]
