r"""The prompt of a financial text, byte for byte as in Sujet-Finance-Instruct-177k, and its completion.

A prompt (the data's ``inputs`` column) is the system prompt, a blank line, ``Financial text:``, the text, a blank
line, ``Answer:``. The completion is one space and the label; training adds the end-of-sequence token.
"""

from finsent.labels import BEARISH, BULLISH, NEWS_ANSWERS, POST_ANSWERS

# "text.Only" has no space in the data, and a prompt must match the data.
_SYSTEM = (
    "You are a financial sentiment analysis expert. Your task is to analyze the sentiment expressed in the given "
    "financial text.Only reply with {0}, {1}, or {2}."
)
#: What stands between the system prompt and the text.
TEXT_BEGIN = "\n\nFinancial text:\n"
#: What every prompt ends with.
PROMPT_END = "\n\nAnswer:"
NEWS_SYSTEM_PROMPT = _SYSTEM.format(*NEWS_ANSWERS)
POST_SYSTEM_PROMPT = _SYSTEM.format(*POST_ANSWERS)


def system_prompt_for(answers: tuple[str, ...]) -> str:
    """Return the data's system prompt for the news or the market-post answer set."""
    return POST_SYSTEM_PROMPT if {BEARISH, BULLISH} & set(answers) else NEWS_SYSTEM_PROMPT


def build_prompt(system_prompt: str, text: str) -> str:
    """Return the full prompt (the ``inputs`` column) of a text."""
    return f"{system_prompt}{TEXT_BEGIN}{text}{PROMPT_END}"


def completion(label: str) -> str:
    """Return what the model should write after the prompt: one space, then the label."""
    return f" {label}"
