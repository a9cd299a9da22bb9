"""A dataset as a learner writes one: items and names of classes."""

from torch.utils.data import Dataset


class Own(Dataset):
    classes = ["left", "right"]  # noqa: RUF012

    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        if isinstance(self.items[index], Exception):
            raise self.items[index]
        return self.items[index]
