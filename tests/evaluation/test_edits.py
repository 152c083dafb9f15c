"""Each rule on ten sentences, with what it must make of them (None: it does not apply), and what it expects."""

import pytest

from finsent.evaluation.edits import RULES, change_in_words, changes, rule_named, suggested_edits

SENTENCES = {
    "another company": {
        "Nordlake Systems opens a visitor centre.": "Ostrava Systems opens a visitor centre.",
        "Finnish lifting equipment maker Kone Oyj won an order.": (
            "Finnish lifting equipment maker Kaarnela Oyj won an order."
        ),
        "Net sales of Rio Verde Foods rose.": "Net sales of Wexley Foods rose.",
        "Profit at Velmora Shipping's main unit fell.": "Profit at Corran Shipping's main unit fell.",
        "The shares of Arvadon Ltd. were priced today.": "The shares of Quillhaven Ltd. were priced today.",
        "Analysts say Kuiskari Networks and Hanover Bank will merge.": (
            "Analysts say Ferrule Networks and Lindmere Bank will merge."
        ),
        "Profit Rises At Nordlake Systems In Finland": None,
        "Systems were down all day.": None,
        "The bank opened a branch in Helsinki.": None,
        "Profit rose.": None,
    },
    "another currency": {
        "Sales rose to EUR 3.1 million.": "Sales rose to CHF 3.1 million.",
        "It paid $31 million in cash.": "It paid ¥31 million in cash.",
        "Loans between £25,000 and €3m": "Loans between £25,000 and £3m",
        "The fee is USD 11 mn a year": "The fee is GBP 11 mn a year",
        "It costs ten euros.": "It costs ten dollars.",
        "A turnover of SEK 5 and DKK 7": "A turnover of NOK 5 and PLN 7",
        "The euro zone grew.": "The dollar zone grew.",
        "Net loss of EUR13m": None,
        "European sales rose.": None,
        "Sales rose.": None,
    },
    "another date": {
        "Sales rose in January.": "Sales rose in April.",
        "The meeting is on Monday, 12 March.": "The meeting is on Thursday, 12 June.",
        "From July to September": "From October to December",
        "It reports on Friday.": "It reports on Tuesday.",
        "In May 2010 it opened a plant.": "In February 2010 it opened a plant.",
        "Trading stopped on Wednesday": "Trading stopped on Saturday",
        "Results for December": "Results for September",
        "It may march on.": None,
        "In 2009 sales rose.": None,
        "Sales rose.": None,
    },
    "capitals": {
        "Sales rose.": "SALES ROSE.",
        "Profit of EUR 3 mn": "PROFIT OF EUR 3 MN",
        "naïve": "NAÏVE",
        "a": "A",
        "Nordlake opens.": "NORDLAKE OPENS.",
        "x1": "X1",
        "SALES ROSE.": None,
        "123": None,
        "…": None,
        "הרווח עלה": None,
    },
    "full stop": {
        "Sales rose.": "Sales rose",
        "Sales rose": "Sales rose.",
        "Sales rose .": "Sales rose",
        "Up 5%": "Up 5%.",
        "It said (again)": "It said (again).",
        "Arvadon Ltd.": "Arvadon Ltd",
        "Sales rose 5": "Sales rose 5.",
        "Sales rose...": None,
        "Sales rose!": None,
        "Did sales rise?": None,
    },
    "cheerful word": {
        "Nordlake opens a centre.": "Nordlake proudly opens a centre.",
        "The firm said sales fell.": "The firm happily said sales fell.",
        "It reported a loss.": "It gladly reported a loss.",
        "Announced today: a plan": "Cheerfully announced today: a plan",
        "It will open the new plant.": "It will proudly open the new plant.",
        "A new logo": "A lovely new logo",
        "The annual general meeting is in May.": "The pleasant annual general meeting is in May.",
        "It signed and presented it.": "It happily signed and presented it.",
        "Sales rose.": None,
        "He is saidan.": None,
    },
    "other amounts": {
        "Profit fell to EUR 3.1 million from EUR 4.9 million.": "Profit fell to EUR 6.2 million from EUR 9.8 million.",
        "Sales rose 12 %.": "Sales rose 24 %.",
        "It paid $31 in cash.": "It paid $62 in cash.",
        "A price of £25,000 or 3m": "A price of £50,000 or 6m",
        "Margin rose to 6.75% in 2009": "Margin rose to 13.50% in 2009",
        "EUR13.1mn against 8.7 mn": "EUR26.2mn against 17.4 mn",
        "A 60 % stake": None,
        "In 2009 it had 12 offices.": None,
        "On 5 months": None,
        "Sales rose.": None,
    },
    "rose or fell": {
        "Sales rose.": "Sales fell.",
        "Costs fell and sales increased.": "Costs rose and sales decreased.",
        "Rising demand": "Falling demand",
        "Earnings were up from last year.": "Earnings were down from last year.",
        "Results better than expected": "Results worse than expected",
        "Higher prices, lower volumes": "Lower prices, higher volumes",
        "Growth continued.": "Decline continued.",
        "It set up a unit.": None,
        "A start-up from Oulu": None,
        "The rosewood chair": None,
    },
    "profit or loss": {
        "Net profit was EUR 3 mn.": "Net loss was EUR 3 mn.",
        "It made a loss of 3 mn.": "It made a profit of 3 mn.",
        "Operating loss, after an operating profit": "Operating profit, after an operating loss",
        "The unit is profitable.": "The unit is loss-making.",
        "A deficit of 5": "A surplus of 5",
        "a profit against a loss": "a loss against a profit",
        "Loss-making since 2009": "Profitable since 2009",
        "It will profit from it.": None,
        "A lossless format": None,
        "Sales rose.": None,
    },
    "sign": {
        "Sales +5 %": "Sales -5 %",
        "Sales -5 %": "Sales +5 %",
        "EBIT of −3.1 mn": "EBIT of +3.1 mn",
        "(+3 and -2)": "(-3 and +2)",
        "Change: +0.4": "Change: -0.4",
        "-12% today": "+12% today",
        "2008-2009": None,
        "a 35-45 range": None,
        "A+ rating": None,
        "Sales rose.": None,
    },
    "negation": {
        "Sales rose.": "Sales did not rise.",
        "Profit fell and costs fell.": "Profit did not fall and costs fell.",
        "It won the order.": "It did not win the order.",
        "Sales will grow.": "Sales will not grow.",
        "The unit is profitable.": "The unit is not profitable.",
        "It has won an order.": "It has not won an order.",
        "Output declined.": "Output did not decline.",
        "It will close a plant.": "It will not close a plant.",
        "The rosewood chair": None,
        "The meeting is in May.": None,
    },
}


def test_each_rule_has_ten_sentences():
    assert list(SENTENCES) == [rule.name for rule in RULES]
    assert all(len(sentences) == 10 for sentences in SENTENCES.values())


@pytest.mark.parametrize("name", SENTENCES)
def test_a_rule_makes_of_its_sentences_what_it_must(name):
    rule = rule_named(name)
    assert {text: rule.apply(text) for text in SENTENCES[name]} == SENTENCES[name]


@pytest.mark.parametrize(
    ("name", "label", "answers"),
    [
        ("capitals", "neutral", {"neutral"}),
        ("rose or fell", "positive", {"negative"}),
        ("rose or fell", "bearish", {"bullish"}),
        ("negation", "positive", {"neutral", "negative"}),
    ],
)
def test_a_rule_says_which_answers_are_as_expected(name, label, answers):
    labels = (
        ("bearish", "neutral", "bullish") if label in ("bearish", "bullish") else ("negative", "neutral", "positive")
    )
    assert {answer for answer in labels if rule_named(name).kept_to(label, answer)} == answers


def test_nothing_is_expected_of_a_neutral_text_that_is_turned():
    assert [rule.expected("neutral") for rule in RULES] == ["neutral"] * 7 + [None] * 4


def test_a_text_has_the_edits_of_the_rules_that_apply():
    edits = suggested_edits("Profit at Nordlake Systems rose to EUR 3 mn in May.")
    assert [edit.rule.name for edit in edits] == [
        *["another company", "another currency", "another date", "capitals", "full stop", "other amounts"],
        *["rose or fell", "negation"],
    ]


@pytest.mark.parametrize("text", ["", "…", "<b>rose</b> $x$", "🚀" * 500, "rose " * 2000, "A" * 10_000, "\x00 rose"])
def test_any_text_is_edited_or_left_alone(text):
    for edit in suggested_edits(text):
        assert edit.text != text
        pieces = changes(text[:300], edit.text[:300])
        assert "".join(piece for kind, piece in pieces if kind != "new") == text[:300]
        assert "".join(piece for kind, piece in pieces if kind != "gone") == edit.text[:300]


def test_what_changed_is_found_word_by_word():
    assert changes("Sales rose 5 %.", "Sales fell 5 %") == [
        ("same", "Sales "),
        ("gone", "rose"),
        ("new", "fell"),
        ("same", " 5 %"),
        ("gone", "."),
    ]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("Sales rose in May.", "Sales fell in May", "rose → fell, − ."),
        ("The bank proudly said so.", "The bank said so.", "− proudly"),
        ("The bank said so.", "The bank happily said so.", "+ happily"),
        ("Sales rose.", "Sales  rose.", ""),
    ],
)
def test_a_change_is_told_in_a_few_words(before, after, said):
    assert change_in_words(before, after) == said
