"""Tables and figures of a model: where its parameters are, what LoRA adds, what a training step holds in memory.

Pure functions. Frozen storage is grey, what trains is green, what a batch needs is brown; names say it, too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from finsent.charts.template import ACCENT_COLOR, BASELINE_COLOR, TUNED_COLOR, short, styled
from finsent.models import memory
from finsent.models.memory import MemoryAccount, MethodCost
from finsent.models.summary import Matrix, Summary, lora_parameters
from finsent.sizes import fitting_unit

STORAGE_COLORS = {"4-bit": "#56677a", "full": "#7b6f58", "LoRA": "#0f766e"}
STORAGE_WORDS = {"4-bit": "frozen, in 4 bits", "full": "frozen, not quantised", "LoRA": "trained"}
_PIECE_COLORS = {
    memory.WEIGHTS: "#56677a",
    memory.SCALES: "#8696a5",
    memory.EMBEDDINGS: "#7b6f58",
    memory.LORA: "#0f766e",
    memory.GRADIENTS: "#35a395",
    memory.OPTIMIZER: "#7cc9be",
    memory.ACTIVATIONS: "#b5722c",
    memory.LOGITS: "#dba15c",
    memory.WORKSPACE: "#a76fae",
}
_COST_COLORS = {"weights": "#56677a", "gradients": "#35a395", "optimizer": "#7cc9be"}
#: The whole, the layers, their parts: lighter inwards, dark enough for white writing.
_BRANCH_COLORS = ("#46515b", "#5a6670", "#6b7781")
_RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_WORDS = {
    "embed_tokens": "Token embedding",
    "lm_head": "Output head",
    "layers": "Layers",
    "self_attn": "Attention",
    "mlp": "Feed-forward",
    "input_layernorm": "Norm before attention",
    "post_attention_layernorm": "Norm before feed-forward",
    "norm": "Last norm",
}


def parts_table(summary: Summary) -> pd.DataFrame:
    """Return where a model's parameters are: ``part, storage, matrices, parameters, share`` (0 to 1 of all)."""
    whole = sum(part.parameters for part in summary.tree)
    rows = [
        {
            "part": " / ".join(_words(part.path, summary.parameters.tied)),
            "storage": STORAGE_WORDS[part.storage],
            "matrices": part.count,
            "parameters": part.parameters,
            "share": part.parameters / whole,
        }
        for part in summary.tree
    ]
    return pd.DataFrame(rows).sort_values("parameters", ascending=False, kind="stable").reset_index(drop=True)


def parameter_treemap(summary: Summary, height: int = 440) -> go.Figure:
    """Return a treemap of every parameter once, LoRA's included; equal matrices of all layers are added up."""
    nodes = _nodes(summary)
    figure = go.Figure(
        go.Treemap(
            ids=list(nodes),
            labels=[node.label for node in nodes.values()],
            parents=[node.parent for node in nodes.values()],
            values=[node.parameters for node in nodes.values()],
            marker={"colors": [node.color for node in nodes.values()], "line": {"width": 1}, "pad": {"t": 22}},
            customdata=[node.storage for node in nodes.values()],
            branchvalues="total",
            texttemplate="%{label}<br>%{value:,} · %{percentRoot:.1%}",
            hovertemplate="%{label}: %{value:,} parameters, %{percentRoot:.2%}<br>%{customdata}<extra></extra>",
            textfont={"color": "#ffffff"},
            tiling={"pad": 2},
        )
    )
    return styled(figure, height, margin={"t": 0, "r": 0})


def comparison_table(summary: Summary) -> pd.DataFrame:
    """Return torchinfo's numbers side by side: ``module, before, after, change``, then the three totals."""
    before, after = summary.before, summary.after
    rows = [(name, count, after.modules.get(name, 0)) for name, count in before.modules.items()]
    rows += [
        ("Total", before.total, after.total),
        ("Trainable", before.trainable, after.trainable),
        ("Non-trainable", before.non_trainable, after.non_trainable),
    ]
    table = pd.DataFrame(rows, columns=["module", "before", "after"])
    return table.assign(change=table["after"] - table["before"])


def rank_table(matrices: Iterable[Matrix], target_modules: Sequence[str]) -> pd.DataFrame:
    """Return what LoRA trains at each rank: ``rank``, ``chosen`` (the target modules) and ``all`` (every matrix)."""
    matrices = list(matrices)
    return pd.DataFrame(
        {
            "rank": _RANKS,
            "chosen": [lora_parameters(matrices, rank, target_modules) for rank in _RANKS],
            "all": [lora_parameters(matrices, rank, [matrix.name for matrix in matrices]) for rank in _RANKS],
        }
    )


def formula_table(summary: Summary) -> pd.DataFrame:
    """Return what LoRA trains beside each kind of matrix: ``matrix, n, m, layers, r · (n + m) · layers``."""
    chosen = [matrix for matrix in summary.matrices if matrix.name in summary.target_modules]
    return pd.DataFrame(
        {
            "matrix": [matrix.name for matrix in chosen],
            "n": [matrix.outputs for matrix in chosen],
            "m": [matrix.inputs for matrix in chosen],
            "layers": [matrix.count for matrix in chosen],
            "r · (n + m) · layers": [lora_parameters([matrix], summary.rank, [matrix.name]) for matrix in chosen],
        }
    )


def rank_figure(table: pd.DataFrame, rank: int, trained: int, height: int = 320) -> go.Figure:
    """Return trained values over the rank, both on logarithmic axes, with the present choice as a diamond."""
    figure = go.Figure()
    for column, name, dash in (("all", "all kinds of matrices", "dot"), ("chosen", "chosen matrices", "solid")):
        figure.add_scatter(
            x=table["rank"],
            y=table[column],
            name=name,
            mode="lines+markers",
            marker={"size": 5},
            line={"color": TUNED_COLOR if column == "chosen" else BASELINE_COLOR, "dash": dash, "width": 1.8},
            hovertemplate="rank %{x}: %{y:,}",
        )
    figure.add_scatter(
        x=[rank],
        y=[trained],
        name="this choice",
        mode="markers",
        marker={"symbol": "diamond", "size": 12, "color": ACCENT_COLOR},
        hovertemplate="rank %{x}: %{y:,}",
    )
    ranks = {"type": "log", "tickvals": _RANKS, "ticktext": [str(rank) for rank in _RANKS], "title": "rank"}
    trains = {"type": "log", "title": "trained values", "dtick": 1, "exponentformat": "SI"}
    return styled(figure, height, xaxis=ranks, yaxis=trains)


def account_table(account: MemoryAccount) -> pd.DataFrame:
    """Return the account as a table: ``piece, MB`` (10⁶ bytes), ``share``, ``counted or estimated``, ``how``."""
    rows = [
        {
            "piece": piece.name,
            "MB": piece.bytes / 1e6,
            "share": piece.bytes / account.total,
            "basis": "counted" if piece.exact else "estimated",
            "how": piece.how,
        }
        for piece in account.pieces
    ]
    return pd.DataFrame(rows)


def account_figure(account: MemoryAccount, measured_bytes: int | None = None, height: int = 270) -> go.Figure:
    """Return the account as one stacked bar in MB (10⁶ bytes), and below it the measured peak if there is one."""
    figure = go.Figure()
    for piece in account.pieces:
        figure.add_bar(
            x=[piece.bytes / 1e6],
            y=["predicted"],
            name=piece.name,
            orientation="h",
            marker_color=_PIECE_COLORS[piece.name],
            hovertemplate=f"{piece.name}: %{{x:,.1f}} MB<extra></extra>",
        )
    if measured_bytes is not None:
        figure.add_bar(
            x=[measured_bytes / 1e6],
            y=["measured"],
            name="Measured peak",
            orientation="h",
            marker={"color": BASELINE_COLOR, "pattern": {"shape": "/", "size": 6, "solidity": 0.2}},
            hovertemplate="Measured peak: %{x:,.1f} MB<extra></extra>",
        )
    # On a narrow screen every piece has a line of its own, which Plotly would cut at half the height.
    return _stacked(figure, height, "MB", {}).update_layout(legend_maxheight=0.75)


def methods_table(costs: Iterable[MethodCost]) -> pd.DataFrame:
    """Return what each way of fine-tuning holds whatever the batch, and their sum, all in the ``unit`` of a column."""
    rows = [
        {"method": c.method, "weights": c.weights, "gradients": c.gradients, "optimizer": c.optimizer} for c in costs
    ]
    table = pd.DataFrame(rows).set_index("method")
    table = table.assign(total=table.sum(axis=1))
    per_unit, unit = fitting_unit(table["total"].max())
    return (table / per_unit).assign(unit=unit).reset_index()


def methods_figure(table: pd.DataFrame, height: int = 220) -> go.Figure:
    """Return one stacked bar per way of fine-tuning from :func:`methods_table`, with its sum written at its end."""
    figure, unit = go.Figure(), table["unit"].iloc[0]
    for part, color in _COST_COLORS.items():
        figure.add_bar(
            x=table[part],
            y=table["method"],
            name={"optimizer": "optimizer state"}.get(part, part),
            orientation="h",
            marker_color=color,
            hovertemplate=f"{part}: %{{x:,.3f}} {unit}<extra></extra>",
        )
    figure.add_scatter(
        x=table["total"],
        y=table["method"],
        mode="text",
        text=[f" {total:,.2f} {unit}" for total in table["total"]],
        textposition="middle right",
        cliponaxis=False,
        showlegend=False,
        hoverinfo="skip",
    )
    return _stacked(figure, height, unit, {"range": [0, float(table["total"].max()) * 1.25]})


@dataclass
class _Node:
    """A field of the treemap; a branch is the sum of what is below it."""

    label: str
    parent: str
    color: str
    storage: str = "sum of its parts"
    parameters: int = 0


def _nodes(summary: Summary) -> dict[str, _Node]:
    """Return the treemap's nodes by id, parents before children."""
    root = summary.title
    nodes = {root: _Node(short(root, 40), "", _BRANCH_COLORS[0], "all")}
    for part in summary.tree:
        names = _words(part.path, summary.parameters.tied)
        places = [root, *("/".join(part.path[:depth]) for depth in range(1, len(names) + 1))]
        for depth in range(1, len(names)):
            color = STORAGE_COLORS["LoRA"] if part.storage == "LoRA" else _BRANCH_COLORS[min(depth, 2)]
            nodes.setdefault(places[depth], _Node(names[depth - 1], places[depth - 1], color))
        count = f" ×{part.count}" if part.count > 1 else ""
        nodes[places[-1]] = _Node(
            names[-1] + count, places[-2], STORAGE_COLORS[part.storage], STORAGE_WORDS[part.storage]
        )
        for place in places:
            nodes[place].parameters += part.parameters
    return nodes


def _words(path: Sequence[str], tied: bool) -> list[str]:
    names = [_WORDS.get(name, name) for name in path]
    if tied and path[-1] == "embed_tokens":
        names[-1] += " and output head"
    return names


def _stacked(figure: go.Figure, height: int, unit: str, axis: dict[str, Any]) -> go.Figure:
    amounts = {"ticksuffix": f" {unit}", "rangemode": "tozero", "tickformat": ",", "nticks": 6} | axis
    names = {"autorange": "reversed", "showgrid": False, "ticksuffix": "  "}
    return styled(figure, height, barmode="stack", bargap=0.35, xaxis=amounts, yaxis=names)
