"""Names of special tokens in texts that others wrote, such as ``<|im_end|>``: read letter by letter, as any text.

A tokenizer takes such a name for the token itself wherever it stands, so that a headline could end its own prompt and
begin a turn of the model's. In what surrounds a text the names mean the tokens: a prompt of one's own may need them.
"""

import copy
import re
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

#: For each tokenizer a copy that knows no special token's name. To switch it off in the tokenizer itself, for a moment,
#: would let the names through that another thread reads meanwhile.
_APART: "WeakKeyDictionary[PreTrainedTokenizerBase, PreTrainedTokenizerBase]" = WeakKeyDictionary()


def special_names(tokenizer: "PreTrainedTokenizerBase") -> re.Pattern[str]:
    """Return what finds the name of a special token in a text; nothing where the tokenizer has none."""
    names = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    return re.compile("|".join(map(re.escape, names)) if names else r"(?!)")


def read_plainly(tokenizer: "PreTrainedTokenizerBase", names: re.Pattern[str], whole: str, text: str) -> list[int]:
    """Return the token ids of a prompt with the ``text`` that stands in it last, in which names are plain letters.

    ``names`` are those of :func:`special_names`. Where the text doesn't stand in the prompt, all of it is plain.
    """
    before, found, after = whole.rpartition(text)
    if not found:
        before, text, after = "", whole, ""
    begin = max((name.end() for name in names.finditer(before)), default=0)
    end = next((name.start() for name in names.finditer(after)), len(after))
    if not begin and end == len(after):
        return _ids(_apart(tokenizer), whole, plain=True)
    # The tokenizer itself cuts at special tokens, so that cutting there changes nothing.
    return [
        *_ids(tokenizer, before[:begin]),
        *_ids(_apart(tokenizer), before[begin:] + text + after[:end], begins=False, plain=True),
        *_ids(tokenizer, after[end:], begins=False),
    ]


def _ids(tokenizer: "PreTrainedTokenizerBase", text: str, begins: bool = True, plain: bool = False) -> list[int]:
    encoded: list[int] = tokenizer(text, add_special_tokens=begins, split_special_tokens=plain)["input_ids"]
    return encoded


def _apart(tokenizer: "PreTrainedTokenizerBase") -> "PreTrainedTokenizerBase":
    if tokenizer not in _APART:
        _APART[tokenizer] = copy.deepcopy(tokenizer)
    return _APART[tokenizer]
