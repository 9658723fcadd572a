"""Sessions: what is stored, and what forms carry, is made of the cookie and does not tell it."""

from bridge.core.sessions import csrf_of, id_of


def test_neither_tells_the_cookie_nor_the_other():
    assert len({"a cookie", id_of("a cookie"), csrf_of("a cookie")}) == 3
    assert len({id_of("a cookie"), id_of("another"), csrf_of("a cookie"), csrf_of("another")}) == 4
    assert (len(id_of("a cookie")), len(csrf_of("a cookie"))) == (64, 64)
