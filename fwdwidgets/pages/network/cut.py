"""Parts of an ONNX graph, as separate graphs that do not reveal where they were made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Cutter:
    """Takes parts out of a graph.

    Args:
        proto: the whole model. The exporter wrote stack traces with the paths of this machine into
            it: they are dropped.
    """

    def __init__(self, proto: Any) -> None:
        self._proto, graph = proto, proto.graph
        functions = [node for function in proto.functions for node in (function, *function.node)]
        everything = (proto, graph, *graph.node, *graph.input, *graph.output, *graph.initializer)
        for owner in (*everything, *functions):
            del owner.metadata_props[:]
            owner.doc_string = ""
        self._makers = {out: node for node in graph.node for out in node.output}
        self._constants = {each.name: each for each in graph.initializer}
        self._types = {each.name: each for each in (*graph.input, *graph.output)}

    def cut(self, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> tuple[bytes, set[str]]:
        """The part of the graph that computes some outputs; equal parts are equal bytes.

        Args:
            inputs: the names in the part of the tensors at which it begins, by their names here.
            outputs: the names here of the tensors that it computes, by their names in the part.

        Returns:
            The ONNX file, and the names of the inputs that it takes.
        """
        import onnx
        from onnx import helper

        nodes, constants, taken = self._needed(inputs, outputs)
        names = {"": ""} | {tensor: inputs[tensor] for tensor in taken}
        made = [tensor for node in nodes for tensor in node.output if tensor]
        names |= {tensor: f"t{number}" for number, tensor in enumerate((*constants, *made))}
        for called, tensor in outputs.items():
            if tensor in made and names[tensor] not in outputs:
                names[tensor] = called
        part = onnx.ModelProto(ir_version=self._proto.ir_version)
        part.opset_import.extend(self._proto.opset_import)
        part.functions.extend(self._proto.functions)
        graph = part.graph
        graph.name = "part"
        for node in nodes:
            copy = graph.node.add()
            copy.CopyFrom(node)
            copy.name = ""
            for side in (copy.input, copy.output):
                side[:] = [names[tensor] for tensor in side]
        for tensor in constants:
            graph.initializer.add().CopyFrom(self._constants[tensor])
            graph.initializer[-1].name = names[tensor]
        for tensor in taken:
            graph.input.add().CopyFrom(self._types[tensor])
            graph.input[-1].name = names[tensor]
        for called, tensor in outputs.items():
            if names[tensor] != called:  # one tensor is two outputs, a constant, or an input
                graph.node.append(helper.make_node("Identity", [names[tensor]], [called]))
            graph.output.add().CopyFrom(self._types[tensor])
            graph.output[-1].name = called
        return part.SerializeToString(deterministic=True), {inputs[tensor] for tensor in taken}

    def _needed(
        self, inputs: Mapping[str, str], outputs: Mapping[str, str]
    ) -> tuple[list[Any], list[str], list[str]]:
        """The nodes, the constants and the inputs that some outputs need, each in order."""
        found, nodes = set[str](), set[int]()
        left = list(outputs.values())
        while left:
            tensor = left.pop()
            if tensor in found or not tensor:
                continue
            found.add(tensor)
            if tensor not in inputs and tensor not in self._constants:
                nodes.add(id(self._makers[tensor]))
                left += self._makers[tensor].input
        return (
            [node for node in self._proto.graph.node if id(node) in nodes],
            [tensor for tensor in self._constants if tensor in found],
            [tensor for tensor in inputs if tensor in found],
        )
