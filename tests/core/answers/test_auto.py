"""Where the answer stands in prose as models write it."""

import pytest

from tts_core.answers import read_answer

SOLUTIONS = [
    # boxes
    ("So the total is $\\boxed{42}$.", "number:42"),
    ("\\[ x = \\boxed{\\frac{1}{2}} \\]", "number:1/2"),
    ("First I get \\boxed{3}. Wait, that is wrong.\n\nIt is \\boxed{5}.", "number:5"),
    ("The answer is 3. No: \\boxed{5}", "number:5"),
    ("Thus $\\boxed{\\text{(C)}}$ is right.", "letter:C"),
    ("Thus $\\boxed{\\{1, 2\\}}$.", "math:\\{1,2\\}"),
    ("the answer is \\boxed 7 indeed", "number:7"),
    ("I put the answer in \\boxed{}: the answer is 8.", "number:8"),
    # GSM8K
    ("She makes 9 * 2 = $<<9*2=18>>18 every day.\n#### 18", "number:18"),
    ("#### 1,080", "number:1080"),
    ("#### Step 1: add\n3 + 4 = 7\n#### Step 2: double\n14", "number:14"),
    # explicit statements
    ("The answer is 42.", "number:42"),
    ("The answer is: 42", "number:42"),
    ("**Answer:** 42", "number:42"),
    ("**Answer**: 42", "number:42"),
    ("ANSWER: 42", "number:42"),
    ("Final Answer: 42", "number:42"),
    ("## Final Answer\n\n42", "number:42"),
    ("**Final Answer**\n\nThe total is $18.", "number:18"),
    ("answer = 42", "number:42"),
    ("The final answer is $\\frac{3}{4}$. I hope it is correct.", "number:3/4"),
    ("The answer is:\n\n\\[\n42\n\\]", "number:42"),
    ("The answer to the second question is therefore 42.", "number:42"),
    ("The correct answer would be 42 because 6 * 7 = 42.", "number:42"),
    ("The answer is (B).", "letter:B"),
    ("The correct option is **C**.", "letter:C"),
    ("The answer is B, because A is too small.", "letter:B"),
    ("Answer: Paris", "text:paris"),
    ("The answer is Paris, which lies on the Seine.", "text:paris"),
    ("The answer is St. Petersburg.", "text:st. petersburg"),
    ("The answer is World War 2.", "text:world war 2"),
    ("The answer is no.", "text:no"),
    ("The answer is [1, 2].", "math:[1,2]"),
    ("The answer is 3.\nLet me check.\nThe answer is 4.", "number:4"),
    ("Answer: 15 hours.", "number:15"),
    ("Answer: 21 + 14 = 35 dollars.", "number:35"),
    ("Answer: The capital of France is Paris.", "text:paris"),
    ("<answer> 42 </answer>", "number:42"),
    ("The answer is not 5. It is hard to say. The answer is 6.", "number:6"),
    # other languages
    ("所以答案是42。", "number:42"),
    ("答案:B", "letter:B"),
    ("答えは 42 です", "number:42"),
    ("정답: 42", "number:42"),
    ("La respuesta es 42.", "number:42"),
    ("La réponse est 42.", "number:42"),
    ("Die Antwort ist 42.", "number:42"),
    ("Antwort: Köln", "text:köln"),
    ("Ответ: 42", "number:42"),
    # conclusions
    ("2+2 = 4", "number:4"),
    ("6 * 7 = 42", "number:42"),
    ("6 × 7 = 42.", "number:42"),
    ("**42**", "number:42"),
    ("We add.\n\n**42**", "number:42"),
    ("We add.\n\n\\[\n42\n\\]", "number:42"),
    ("We solve.\nTherefore, x = 5.", "number:5"),
    ("We solve.\nFor this triangle, x = 5.", "number:5"),
    ("She had 20 and ate 8.\nSo she has 12 apples left.", "number:12"),
    ("We add them up. The total is $18.", "number:18"),
    ("13 times 3 is 39.", "number:39"),
    ("The sum of 3 and 4 is 7.", "number:7"),
    ("We get\n\\text{Sets} = \\frac{9}{3} = 3", "number:3"),
    ("Maria has 51 bottles of water.", "number:51"),
    ("The capital of France is Paris.", "text:paris"),
    ("France lies in Europe. The capital of France is **Paris**.", "text:paris"),
    ("Paris", "text:paris"),
    ("x = 3 or x = -3", "math:x=3or x=-3"),
    ("The solutions are x = 3 and x = -3.", "text:solutions are x = 3 and x = -3"),
    ("So the ratio is 3:2.", "text:so the ratio is 3:2"),
    ("She will have 5 - 3 = 2 left.\n\nLet me know if you need 3 more examples!", "number:2"),
    ("答案是：42", "number:42"),
    ("The answer is approximately 3.14", "number:157/50"),
    ("Therefore the answer is 5 km/h.", "number:5"),
    ("**Final Answer:** The total cost is **$18**.", "number:18"),
    ("The answer is 2 hours and 30 minutes.", "text:2 hours and 30 minutes"),
    ("The answer is x = 3 or x = -3.", "math:x=3or x=-3"),
    ("B", "letter:B"),
    ("Yes.", "text:yes"),
    # reasoning models
    ("<think>Perhaps \\boxed{3}?</think>It is \\boxed{4}.", "number:4"),
    ("<think>The answer is 3.</think>\n\n6 * 7 = 42", "number:42"),
    ("<think>So \\boxed{3}</think>\n", "number:3"),
    # structured output
    ('{"b": 1.0, "a": true}', 'json:{"a":true,"b":1}'),
    ('```json\n{"answer": 42}\n```', 'json:{"answer":42}'),
]

SILENCE = [
    "",
    " \n ",
    "I have boxed the gift and sent it to her on the third day of the month, as agreed with Ann.",
    "We looked at 3 houses on the way.\nThen we went home and slept until the next morning came by.",
    "Step 1: there are 5 apples.\nStep 2: think about the number of the boxes in the whole garden.",
    "I don't know.",
    "I'm sorry, I cannot help with that.",
    "Could you tell me more?",
    "1. A list of things\n2. has no conclusion\n3. things",
    "We know that one equation holds, and that there is no more to be had from it:\n3x + 5 = 20",
    "Nobody in the house knows where they went.\nSo 5 of the 12 apples are gone.",
]


@pytest.mark.parametrize(("text", "expected"), SOLUTIONS)
def test_the_answer_is_found_where_the_text_gives_it(text: str, expected: str) -> None:
    answer = read_answer(text, "auto")
    assert answer is not None
    assert answer.key == expected


@pytest.mark.parametrize("text", SILENCE)
def test_a_text_that_gives_no_answer_has_none(text: str) -> None:
    assert read_answer(text, "auto") is None


def test_the_answer_is_shown_as_it_was_spelt_without_its_dressing() -> None:
    answer = read_answer("So it is **\\(\\frac{1}{2}\\)**.\nThe answer is **$\\frac{1}{2}$**.", "auto")
    assert answer is not None
    assert answer.text == "\\frac{1}{2}"


@pytest.mark.parametrize(
    "text", ["6 * 7 = 42", "So she has 12 apples left.", "Paris", "Answer: 4", "\\boxed{4"]
)
def test_a_cut_trace_gives_no_answer_by_where_it_was_cut(text: str) -> None:
    assert read_answer(text, "auto", complete=False) is None


@pytest.mark.parametrize(
    "text", ["\\boxed{42} and then", "The answer is 42. Now", "Answer: 42\n", "The answer is 42."]
)
def test_a_cut_trace_keeps_what_it_had_said_before(text: str) -> None:
    answer = read_answer(text, "auto", complete=False)
    assert answer is not None
    assert answer.key == "number:42"
