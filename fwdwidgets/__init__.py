"""Jupyter widgets that let a learner explore the forward pass of a PyTorch network."""

from fwdwidgets.data import datasets
from fwdwidgets.explain import Explanation, explain
from fwdwidgets.networks import Checkpoint, Checkpoints, models, reseed
from fwdwidgets.pages import embed
from fwdwidgets.trace import ForwardTrace, Step, Tracer, trace_forward
from fwdwidgets.training import train
from fwdwidgets.widgets.autoencoder.widget import Autoencoder
from fwdwidgets.widgets.batch_forward.widget import BatchForward
from fwdwidgets.widgets.binary_output.widget import BinaryOutput
from fwdwidgets.widgets.compare_seeds.widget import CompareSeeds
from fwdwidgets.widgets.computation_graph.widget import ComputationGraph
from fwdwidgets.widgets.forward_pass.widget import ForwardPass
from fwdwidgets.widgets.modes.widget import Modes
from fwdwidgets.widgets.multiclass_output.widget import MulticlassOutput
from fwdwidgets.widgets.regression_output.widget import RegressionOutput
from fwdwidgets.widgets.step_through.widget import StepThrough
from fwdwidgets.widgets.training_step.widget import TrainingStep
from fwdwidgets.widgets.what_went_wrong.widget import WhatWentWrong

__version__ = "0.1.0"

__all__ = [
    "Autoencoder",
    "BatchForward",
    "BinaryOutput",
    "Checkpoint",
    "Checkpoints",
    "CompareSeeds",
    "ComputationGraph",
    "Explanation",
    "ForwardPass",
    "ForwardTrace",
    "Modes",
    "MulticlassOutput",
    "RegressionOutput",
    "Step",
    "StepThrough",
    "Tracer",
    "TrainingStep",
    "WhatWentWrong",
    "__version__",
    "datasets",
    "embed",
    "explain",
    "models",
    "reseed",
    "trace_forward",
    "train",
]
