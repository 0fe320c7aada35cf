"""The page of a real run in a real browser."""


def test_page_of_a_real_run(tiny_run, check_page):
    check_page(tiny_run / "report.html")
