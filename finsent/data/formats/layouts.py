"""Rows as annotation tools and trainers of chat models write them, brought to a text and a label each.

Read are Label Studio's full export, Prodigy's, lists of labels as doccano writes them, spaCy's ``cats``, and chats
(``messages`` of role and content, ``conversations`` of from and value). What is there already as ``text`` and ``label``
stays as it is.
"""

import os
from collections import Counter
from typing import Any

#: What the columns of a chat are called.
USER, ANSWER = "last user message", "last answer"
AFTER = "last user message, after its common beginning"
#: Shorter beginnings are alike by chance.
_COMMON = 12
#: What annotators answer in Prodigy's export.
_JUDGED = ("accept", "reject", "ignore")

Row = dict[str, Any]


def flatten(rows: list[Row]) -> tuple[list[Row], tuple[str, ...]]:
    """Return rows brought to flat ones where they are of a layout that is known, and what was done."""
    first = rows[0]
    if "annotations" in first and isinstance(first.get("data"), dict):
        return _label_studio(rows)
    for key, who, what in (("messages", "role", "content"), ("conversations", "from", "value")):
        if isinstance(first.get(key), list):
            return _chats(rows, key, who, what)
    if isinstance(first.get("row"), dict) and "row_idx" in first:
        return [row["row"] if isinstance(row.get("row"), dict) else {} for row in rows], ()
    if first.get("answer") in _JUDGED and ("label" in first or "accept" in first):
        return _prodigy(rows)
    if isinstance(first.get("cats"), dict):
        flat = [{**row, **row["cats"]} if isinstance(row.get("cats"), dict) else row for row in rows]
        return [{key: value for key, value in row.items() if key != "cats"} for row in flat], ()
    if {"instruction", "input", "output"} <= set(first):
        said = "Instruction rows: the column “instruction” is kept and not used, since finsent writes its own prompt."
        return rows, (said,)
    return rows, ()


def _label_studio(rows: list[Row]) -> tuple[list[Row], tuple[str, ...]]:
    flat, several, unlike = [], 0, 0
    for row in rows:
        data = row.get("data")
        given = [_choices(one) for one in row.get("annotations") or [] if isinstance(one, dict) and _counts(one)]
        given = [one for one in given if one]
        several += len(given) > 1
        answers = {tuple(one) for one in given}
        unlike += len(answers) > 1
        label: Any = None
        if len(answers) == 1:
            found = answers.pop()
            label = found[0] if len(found) == 1 else list(found)
        elif answers:
            label = sorted(word for one in answers for word in one)
        flat.append({**(data if isinstance(data, dict) else {}), "label": label})
    notes = ["Label Studio's export: texts are its data, labels its choices."]
    if several:
        notes.append(f"Tasks with several annotations: {several:,}; in {unlike:,} of them these differ.")
    return flat, tuple(notes)


def _prodigy(rows: list[Row]) -> tuple[list[Row], tuple[str, ...]]:
    flat = []
    for row in rows:
        label = row["accept"] if "accept" in row else row.get("label")
        flat.append({**row, "label": label if row.get("answer") == "accept" else None})
    without = sum(row.get("answer") != "accept" for row in rows)
    note = "Prodigy's export: labels are what was accepted"
    return flat, (f"{note}; {without:,} rows were rejected or passed over and have none." if without else f"{note}.",)


def _counts(annotation: Row) -> bool:
    return not annotation.get("was_cancelled")


def _choices(annotation: Row) -> list[str]:
    found: list[str] = []
    for result in annotation.get("result") or []:
        value = result.get("value") if isinstance(result, dict) else None
        if isinstance(value, dict) and isinstance(value.get("choices"), list):
            found += [str(one) for one in value["choices"]]
    return found


def _chats(rows: list[Row], key: str, who: str, what: str) -> tuple[list[Row], tuple[str, ...]]:
    flat = []
    for row in rows:
        turns = row.get(key)
        said = {USER: None, ANSWER: None}
        for turn in turns if isinstance(turns, list) else []:
            if isinstance(turn, dict):
                role = str(turn.get(who, "")).lower()
                if role in ("user", "human"):
                    said[USER] = turn.get(what)
                elif role in ("assistant", "gpt", "model"):
                    said[ANSWER] = turn.get(what)
        flat.append({**{name: value for name, value in row.items() if name != key}, **said})
    texts = [row[USER] for row in flat if isinstance(row[USER], str)]
    common = _common_beginning(texts)
    if common:
        for row in flat:
            text = row[USER]
            row[AFTER] = text[len(common) :] if isinstance(text, str) else text
    note = "Chats: the text is looked for in the last message of the user, the label is the last answer."
    again = [f"All of these messages begin with “{common.strip()[:200]}”."] if common else []
    return flat, (note, *again)


def _common_beginning(texts: list[str]) -> str:
    """Return what all texts begin with, up to the end of a word; "" where that is little or all of one."""
    if len(texts) < 2:
        return ""
    common = os.path.commonprefix(texts)
    end = max((common.rfind(mark) for mark in (" ", "\n", ":")), default=-1) + 1
    common = common[:end]
    shortest = min(map(len, texts))
    return common if _COMMON <= len(common) < shortest else ""


def one_label(value: Any) -> tuple[Any, str]:
    """Return the label in a value that may be a list of labels, and why there is not one alone ("" where there is)."""
    if isinstance(value, dict) and set(value) == {"choices"}:
        value = value["choices"]
    if not isinstance(value, list | tuple):
        return value, "" if not isinstance(value, dict) else "the label is an object"
    if len(value) == 1:
        return (value[0], "") if not isinstance(value[0], list | dict) else (None, "the label is a list of lists")
    if not value:
        return None, ""
    if all(isinstance(one, str) for one in value):
        counts = Counter(value)
        return None, f"{len(value)} labels, not one: {', '.join(counts)[:80]}"
    return None, "the label is a list"
