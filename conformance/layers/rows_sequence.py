"""Rows: recurrent layers and cells, wrappers over time, attention."""

from __future__ import annotations

from typing import Any

from kfront import layers as L

from .row import Row, keep, row, x

__all__ = ["ROWS"]

STEPS = x(5, 2)
RTOL = 3e-5  # five steps of a recurrence: rounding errors add up
KINDS = ("SimpleRNN", "LSTM", "GRU")


def _state(kind: str) -> Any:
    return [x(4, seed=8), x(4, seed=9)] if kind == "LSTM" else x(4, seed=8)


def _recurrent(kind: str) -> list[Row]:
    prefix, holes = {"mask": keep(5, prefix=True)}, {"mask": keep(5)}
    both = {"return_sequences": True, "return_state": True}
    rows: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("plain", {}, {}),
        ("sequences", {"return_sequences": True}, {}),
        ("states", both, {}),
        ("backwards", {**both, "go_backwards": True}, {}),
        ("prefix mask", both, prefix),
        ("prefix mask, backwards", {"return_sequences": True, "go_backwards": True}, prefix),
        ("holes", both, holes),
        ("last with holes", {"return_state": True}, holes),
        ("zeros for mask", {"return_sequences": True, "zero_output_for_mask": True}, prefix),
        ("no bias", {"use_bias": False}, {}),
        ("relu", {"activation": "relu", "return_sequences": True}, {}),
        ("given state", both, {"initial_state": _state(kind)}),
    ]
    out = []
    for tag, args, call in rows:
        make = lambda args=args: getattr(L, kind)(4, **args)  # noqa: E731
        out.append(row(kind, tag, make, STEPS, rtol=RTOL, free=(1,), **call))
    unrolled = {"unroll": True, "return_sequences": True}
    out.append(row(kind, "unrolled", lambda: getattr(L, kind)(4, **unrolled), STEPS, rtol=RTOL))
    out.append(row(kind, "padded", lambda: getattr(L, kind)(4), STEPS, rtol=RTOL, free=(1,), padded="last"))
    full = {"return_sequences": True, "activation": "sigmoid"}
    out.append(row(kind, "padded steps", lambda: getattr(L, kind)(4, **full), STEPS, rtol=RTOL, padded="steps"))
    noisy = {"dropout": 0.3, "recurrent_dropout": 0.2, "seed": 4, "return_sequences": True}
    out.append(row(kind, "dropout", lambda: getattr(L, kind)(4, **noisy), STEPS, rtol=RTOL, training=True, random=True))
    return out


RECURRENT = [
    *(r for kind in KINDS for r in _recurrent(kind)),
    row("GRU", "reset before", lambda: L.GRU(4, reset_after=False, return_sequences=True), STEPS, rtol=RTOL),
    row("GRU", "hard sigmoid", lambda: L.GRU(4, recurrent_activation="hard_sigmoid"), STEPS, rtol=RTOL, free=(1,)),
    row("LSTM", "no unit forget bias", lambda: L.LSTM(4, unit_forget_bias=False), STEPS, rtol=RTOL),
    row("LSTM", "hard sigmoid", lambda: L.LSTM(4, recurrent_activation="hard_sigmoid"), STEPS, rtol=RTOL),
    row("RNN", "lstm cell", lambda: L.RNN(L.LSTMCell(4), return_sequences=True), STEPS, rtol=RTOL, free=(1,)),
    row(
        "RNN",
        "stack",
        lambda: L.RNN([L.LSTMCell(4), L.GRUCell(3), L.SimpleRNNCell(2)], return_state=True),
        STEPS,
        rtol=RTOL,
        free=(1,),
    ),
    row(
        "RNN",
        "zeros for mask",
        lambda: L.RNN(L.GRUCell(4), return_sequences=True, zero_output_for_mask=True),
        STEPS,
        rtol=RTOL,
        mask=keep(5),
    ),
    row("RNN", "padded", lambda: L.RNN(L.SimpleRNNCell(4)), STEPS, rtol=RTOL, padded="last"),
    row("RNN", "backwards", lambda: L.RNN(L.GRUCell(3), go_backwards=True), STEPS, rtol=RTOL, mask=keep(5)),
    row("SimpleRNNCell", "plain", lambda: L.SimpleRNNCell(4), x(3), [x(4, seed=8)], shapes=False, reason="a cell"),
    row("GRUCell", "plain", lambda: L.GRUCell(4), x(3), [x(4, seed=8)], shapes=False, reason="a cell"),
    row("GRUCell", "before", lambda: L.GRUCell(4, reset_after=False), x(3), [x(4, seed=8)], shapes=False, reason="-"),
    row("LSTMCell", "plain", lambda: L.LSTMCell(4), x(3), [x(4, seed=8), x(4, seed=9)], shapes=False, reason="a cell"),
    row(
        "StackedRNNCells",
        "two",
        lambda: L.StackedRNNCells([L.GRUCell(4), L.SimpleRNNCell(2)]),
        x(3),
        [x(4, seed=8), x(2, seed=9)],
        shapes=False,
        reason="a cell",
    ),
]

_MODES = ("concat", "sum", "mul", "ave", None)
OVER_TIME = [
    *(
        row(
            "Bidirectional",
            str(mode),
            lambda mode=mode: L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode=mode),
            STEPS,
            rtol=RTOL,
            free=(1,),
        )
        for mode in _MODES
    ),
    row("Bidirectional", "states", lambda: L.Bidirectional(L.GRU(3, return_state=True)), STEPS, rtol=RTOL),
    row("Bidirectional", "mask", lambda: L.Bidirectional(L.GRU(3)), STEPS, rtol=RTOL, mask=keep(5, prefix=True)),
    row("Bidirectional", "padded", lambda: L.Bidirectional(L.LSTM(3)), STEPS, rtol=RTOL, free=(1,), padded="last"),
    row(
        "Bidirectional",
        "padded steps",
        lambda: L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum"),
        STEPS,
        rtol=RTOL,
        padded="steps",
    ),
    row(
        "Bidirectional",
        "two layers",
        lambda: L.Bidirectional(L.LSTM(3), backward_layer=L.GRU(2, go_backwards=True)),
        STEPS,
        rtol=RTOL,
    ),
    row("TimeDistributed", "dense", lambda: L.TimeDistributed(L.Dense(4)), STEPS, free=(1,), padded="steps"),
    row("TimeDistributed", "convolution", lambda: L.TimeDistributed(L.Conv2D(2, 2)), x(4, 5, 5, 2)),
]


def _attend(tag: str, *inputs: Any, free: Any = (), padded: str = "", call: Any = None, **args: Any) -> Row:
    scores = bool(call and call.get("return_attention_scores"))
    return row(
        "MultiHeadAttention",
        tag,
        lambda: L.MultiHeadAttention(num_heads=2, key_dim=3, **args),
        *inputs,
        rtol=3e-5,
        free=free,
        padded=padded,
        shapes=not scores,
        reason="compute_output_shape does not tell the scores' shape" if scores else "",
        **(call or {}),
    )


Q, K, V = x(4, 5), x(6, 5, seed=1), x(6, 7, seed=2)
_SELF = {"use_causal_mask": True, "return_attention_scores": True}
_GROUPED = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
ATTENTION = [
    _attend("self", Q, Q, free=(1,), padded="steps"),
    _attend("cross", Q, K, free=(1,)),
    _attend("value and key", Q, V, K, value_dim=4, output_shape=7, use_bias=False),
    _attend("causal, scores", Q, Q, call=_SELF),
    _attend("masks", Q, K, call={"query_mask": keep(4, prefix=True), "value_mask": keep(6)}),
    _attend("attention mask", Q, K, call={"attention_mask": keep(4, 6), "return_attention_scores": True}),
    _attend("axes", x(3, 4, 2), x(3, 4, 2, seed=1), attention_axes=(1, 2)),
    _attend("rows", x(3, 4, 5), x(3, 6, 5, seed=1), attention_axes=2),
    _attend("output shape", Q, K, output_shape=(2, 3)),
    row(
        "MultiHeadAttention",
        "dropout",
        lambda: L.MultiHeadAttention(2, 3, dropout=0.3, seed=6),
        Q,
        K,
        rtol=3e-5,
        training=True,
        random=True,
    ),
    row("GroupQueryAttention", "cross", lambda: L.GroupQueryAttention(**_GROUPED), Q, K, rtol=3e-5, free=(1,)),
    row("GroupQueryAttention", "self", lambda: L.GroupQueryAttention(**_GROUPED), Q, Q, rtol=3e-5, padded="steps"),
    row(
        "GroupQueryAttention",
        "causal, scores",
        lambda: L.GroupQueryAttention(**_GROUPED, use_bias=False),
        Q,
        Q,
        rtol=3e-5,
        shapes=False,
        reason="compute_output_shape does not tell the scores' shape",
        **_SELF,
    ),
    row("Attention", "dot", lambda: L.Attention(), [Q, K], free=(1,)),
    row("Attention", "three", lambda: L.Attention(use_scale=True), [Q, V, K]),
    row("Attention", "concat", lambda: L.Attention(use_scale=True, score_mode="concat"), [Q, K]),
    row("Attention", "masks", lambda: L.Attention(), [Q, K], mask=[keep(4, prefix=True), keep(6)]),
    row("Attention", "padded", lambda: L.Attention(), [Q, Q], padded="steps"),
    row("Attention", "causal", lambda: L.Attention(), [Q, Q], use_causal_mask=True),
    row("Attention", "dropout", lambda: L.Attention(dropout=0.3, seed=6), [Q, K], training=True, random=True),
    row("AdditiveAttention", "plain", lambda: L.AdditiveAttention(), [Q, K], free=(1,)),
    row("AdditiveAttention", "masks", lambda: L.AdditiveAttention(use_scale=False), [Q, K], mask=[keep(4), keep(6)]),
]

ROWS = [*RECURRENT, *OVER_TIME, *ATTENTION]
