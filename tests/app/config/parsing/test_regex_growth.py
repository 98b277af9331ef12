import itertools
import re

import pytest

from app.config.parsing.regex_growth import Growth, growth_of

CONTROLS = "".join(map(chr, range(32)))
NESTED = "(" * 400 + "a+" + ")+" * 400

EXPONENTIAL = [
    r"(a+)+$",
    r"(a|a)*b",
    r"(a|aa)*c",
    r"(.+)+x",
    r"(a*)*b",
    r"(?:x(a*)?)*y",
    r"([\w-]+\.?)+x",
    r"(//?)*x",
    r"(\w+\s?)*$",
    r"(foo|bar|foobar)*x",
    r"(x+x+)+y",
    r"(?i:(AB|ab)+)c",
    r"(a{1,9})+b",
    r"(a?){50}b",
    r"(?>(a+)+b)c",
    r"(?=(a+)+b).*",
    r"(a+?)+?b",
    r"(?:(?>a+b)+)+c",
]
POLYNOMIAL = [
    r"\d+\d+x",
    r".*.*=.*",
    r"/(.*)/(.*)/x",
    r".*a.*b",
    r"(.*,){11}P",
    r"(.*,){2}P",
    r"(.*,){1,3}P",
    r"a*(?:b|a)*c",
]
LINEAR = [
    r"/orders/[0-9]+",
    r"/orders",
    r"(a|ab)*c",
    r"/x/[^/]+/y",
    r"/(?:[^/]+/)*z",
    r"/users/\d+(/orders)?/?",
    r"/files/.*\.(png|jpg)",
    r".*/images/.*",
    r"/(.*)/(.*)",
    r"(.*)*",
    r"(/.*)*",
    r"([a-z0-9-]+\.)+[a-z]{2,6}",
    r"[\w-]+(\.[\w-]+)*",
    r"(a*+)*b",
    r"(a++)+b",
    r"(?>a+)+b",
    r"(a+)++",
    r"((?!x).)*y",
    r"(a?)*b",
    r"(a{8})+b",
    r"(a{1,8})+b",
    r"/v\d{1,10}-?\d{1,10}",
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}",
    r"(a)?(?(1)b+|c+)d",
    r"(\d+)-\1x+",
    r"(a|b)*abb",
    r"(){0,3}x*",
]


@pytest.mark.parametrize("text", EXPONENTIAL)
def test_two_ways_around_a_loop_double_the_work(text):
    assert growth_of(re.compile(text), CONTROLS) is Growth.EXPONENTIAL


@pytest.mark.parametrize("text", POLYNOMIAL)
def test_two_loops_that_take_the_same_text_multiply_it(text):
    assert growth_of(re.compile(text), CONTROLS) is Growth.POLYNOMIAL


@pytest.mark.parametrize("text", LINEAR)
def test_one_way_to_match_a_text_is_linear(text):
    assert growth_of(re.compile(text), CONTROLS) is Growth.LINEAR


def test_case_is_looked_at_as_the_expression_says():
    assert growth_of(re.compile("(ab|AB)*c")) is Growth.LINEAR
    assert growth_of(re.compile("(?i)(ab|AB)*c")) is Growth.EXPONENTIAL
    assert growth_of(re.compile("(?i)(?-i:(ab|AB)*)c")) is Growth.LINEAR


def test_a_line_feed_makes_what_ends_in_anything_fail():
    assert growth_of(re.compile("(.*)*"), "\n") is Growth.LINEAR
    assert growth_of(re.compile("(.*)*")) is Growth.EXPONENTIAL


UNFOLDED = "((((((((((((a+b){2}c){2}d){2}e){2}f){2}g){2}h){2}i){2}j){2}k){2}l){2}m){2}"
WIDE = "(" + "|".join("".join(word) for word in itertools.product("ab", repeat=7)) + ")*c"


@pytest.mark.parametrize("text", [NESTED, UNFOLDED, WIDE], ids=["deep", "unfolded", "wide"])
def test_what_is_too_complicated_is_called_so(text):
    assert growth_of(re.compile(text)) is Growth.UNKNOWN
