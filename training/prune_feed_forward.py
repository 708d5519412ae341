"""Takes the least useful neurons out of the feed-forward parts and refits what is left, without any training.

Optimal brain surgeon (Hassibi and Stork 1993) for the neurons of one layer: what a neuron's loss costs once the outgoing
weights of the others are refitted by least squares is w^2 / H^-1, where H are the neurons' second moments on real text.
Layers are thinned in order, each on what the thinned ones before it give.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .cross_encoder import CrossEncoder, Layer

ROUNDS = 8
"""The costs are reckoned anew after each round of removals."""
PENALTY = 0.01
EVERY = 3
"""Of the rows that reach a layer, every third is looked at."""


@torch.no_grad()
def prune_feed_forward(student: CrossEncoder, inputs: Sequence[tuple[Tensor, Tensor, Tensor]], inner: int) -> None:
    for index, layer in enumerate(student.layers):
        student.layers[index] = thin_layer(layer, incoming_rows(student, layer, inputs), inner)


def incoming_rows(student: CrossEncoder, layer: Layer, inputs: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """What reaches the layer's feed-forward part [rows, width]."""
    seen: list[Tensor] = []
    hook = layer.inner.register_forward_pre_hook(lambda _, given: seen.append(given[0].flatten(0, 1)[::EVERY].float()))
    for batch in inputs:
        student.encode(*batch)
    hook.remove()
    return torch.cat(seen)


@torch.autocast("cpu", enabled=False)
def thin_layer(layer: Layer, rows: Tensor, inner: int) -> Layer:
    active = functional.gelu(layer.inner(rows))
    wished = layer.outer(active) - layer.outer.bias
    moments = active.T @ active
    moments += PENALTY * moments.diagonal().mean() * torch.eye(len(moments))
    outgoing = active.T @ wished
    left = torch.arange(layer.inner.out_features)
    for count in torch.linspace(len(left), inner, ROUNDS + 1)[1:].round().int().tolist():
        inverse = torch.linalg.inv(moments[left][:, left])
        costs = (inverse @ outgoing[left]).square().sum(1) / inverse.diagonal()
        left = left[costs.argsort(descending=True)[:count].sort().values]
    refitted = torch.linalg.solve(moments[left][:, left], outgoing[left])
    thin = Layer(layer.outer.out_features, inner)
    state = layer.state_dict()
    state["inner.weight"] = state["inner.weight"][left]
    state["inner.bias"] = state["inner.bias"][left]
    state["outer.weight"] = refitted.T.contiguous()
    thin.load_state_dict(state)
    return thin
