"""A network ready to be run, and whether it was left as it was found."""

import torch

from fwdwidgets.networks import Forward


def ready(model):
    forward = Forward(model, training=False)
    forward.use_seed(None)
    return forward


def snapshot(model):
    state = {name: value.clone() for name, value in model.state_dict().items()}
    return state, [module.training for module in model.modules()]


def same(model, found):
    state, modes = found
    now, now_modes = snapshot(model)
    return modes == now_modes and all(torch.equal(state[n], now[n]) for n in state)
