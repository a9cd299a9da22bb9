"""Datasets, their samples as tensors and labels, and tables of numbers."""

from fwdwidgets.data import datasets
from fwdwidgets.data.classes import check_class_names, class_names
from fwdwidgets.data.items import read_input
from fwdwidgets.data.samples import (
    Sample,
    batch_of_one,
    dataset_length,
    device_of,
    get_sample,
)
from fwdwidgets.data.tables import LARGEST, Table, as_table, check_classes

__all__ = [
    "LARGEST",
    "Sample",
    "Table",
    "as_table",
    "batch_of_one",
    "check_class_names",
    "check_classes",
    "class_names",
    "dataset_length",
    "datasets",
    "device_of",
    "get_sample",
    "read_input",
]
