from app.telemetry.top_clients import TopClients, most_first


def filled(capacity: int, names: str) -> TopClients:
    table = TopClients(capacity)
    for name in names:
        table.add(name)
    return table


def test_a_new_name_takes_the_place_and_the_count_of_the_rarest():
    assert dict(filled(2, "aaabc").counts()) == {"a": 3, "c": 2}


def test_a_name_that_rose_since_it_was_the_rarest_stays():
    assert dict(filled(3, "abcdbbe").counts()) == {"b": 3, "d": 2, "e": 2}


def test_several_at_once_weigh_as_much_as_one_by_one():
    table = filled(2, "ab")
    table.add("a", 3)
    table.add("c", 2)
    assert dict(table.counts()) == {"a": 4, "c": 3}


def test_sums_come_most_first_and_equal_ones_by_name():
    nameless = TopClients(2)
    nameless.add(None)
    assert most_first([filled(4, "aabc"), filled(4, "bb"), nameless]) == [
        ("b", 3),
        ("a", 2),
        (None, 1),
        ("c", 1),
    ]
