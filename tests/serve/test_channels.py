"""Messages of a websocket in both layouts, made by jupyter_server's own functions."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_server.services.kernels.connection.base import (
    serialize_binary_message,
    serialize_msg_to_ws_v1,
)

from fwdwidgets.serve.channels import V1, is_whole, kind_of

HEADER = {"msg_type": "execute_input", "msg_id": "1"}
BUFFERS = st.lists(st.binary(max_size=50), max_size=4)


def parts(header):
    return {"header": header, "parent_header": {}, "metadata": {}, "content": {"code": "1/0"}}


def in_v1(header, buffers=()):
    packed = [json.dumps(part).encode() for part in parts(header).values()]
    return serialize_msg_to_ws_v1([*packed, *buffers], "iopub")


def in_the_older_layout(header, buffers=()):
    return serialize_binary_message({**parts(header), "buffers": list(buffers)})


@given(BUFFERS, st.text(max_size=20))
def test_the_type_is_read_in_both_layouts(buffers, name):
    header = {"msg_type": name}
    for message, subprotocol in (
        (in_v1(header, buffers), V1),
        (in_the_older_layout(header, buffers), None),
        (json.dumps(parts(header)), None),
        (parts(header), None),
    ):
        assert kind_of(message, subprotocol) == name
    assert is_whole(in_v1(header, buffers), V1)
    assert is_whole(in_the_older_layout(header, buffers), None)


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_at_once(message):
    for subprotocol in (V1, None):
        assert kind_of(message, subprotocol) is None or is_whole(message, subprotocol)


@pytest.mark.parametrize("subprotocol", [V1, None])
@pytest.mark.parametrize("count", [2**31, 2**32 - 1, 2**63, 10**6, 0])
def test_a_count_of_billions_is_not_believed(subprotocol, count):
    order = "<Q" if subprotocol else ">I"
    if count >= 2 ** (8 * struct.calcsize(order)):
        count %= 2**32 - 5
    message = struct.pack(order, count) + b"\1" * 100
    assert not is_whole(message, subprotocol)
    assert kind_of(message, subprotocol) is None


def test_a_message_in_the_layout_of_the_other_protocol_has_no_type():
    assert kind_of(in_the_older_layout(HEADER), V1) is None
    assert not is_whole(in_the_older_layout(HEADER, [b"x" * 100]), V1)
    assert not is_whole("{}", V1)
