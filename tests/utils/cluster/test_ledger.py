from utils.cluster.ledger import Ledger
from utils.cluster.listing import Listed


def row(id, status="clean", key="k", ended=1.0, **more):
    return {"id": id, "status": status, "key": key, "ended": ended, "result_size": 5, **more}


def photos(*ids):
    return [Listed(id) for id in ids]


def test_a_photo_listed_twice_is_in_it_once():
    with Ledger() as ledger:
        assert ledger.list_all(photos("a", "b", "a")) == (1, [])
        assert len(ledger) == 2 and [photo.id for photo, _ in ledger.pairs()] == ["a", "b"]


def test_the_latest_record_counts_in_whatever_order_they_come():
    for order in (1, -1):
        with Ledger(keep_rows=True) as ledger:
            ledger.list_all(photos("b", "a"))
            ledger.enter([row("a", "failed", ended=1), row("a", "repaired", ended=2), row("z")][::order])
            assert ledger.counts() == {"repaired": 1} and ledger.names(None, 9) == ["b"]
            assert [line["status"] for line in ledger.rows()] == ["repaired"]


def test_what_is_forgotten_is_missing_and_can_be_forgotten_on_the_way():
    with Ledger() as ledger:
        ledger.list_all(photos(*(f"{n}.jpg" for n in range(5000))))
        ledger.enter(row(f"{n}.jpg", key=str(n % 2)) for n in range(5000))
        assert ledger.keys() == 2
        for photo, known in ledger.pairs():
            if known.key == "1":
                ledger.forget(photo.id, is_ours=True)
        assert {photo.is_ours for photo, known in ledger.pairs() if known is None} == {True}
        assert ledger.counts() == {"clean": 2500} and len(ledger.names(None, 9999)) == 2500


def test_names_that_meet_on_the_disk_are_found_where_it_folds_them():
    with Ledger(folds=True) as ledger:
        _, meeting = ledger.list_all(photos("A.jpg", "a.JPG", "b.jpg"))
        assert meeting == [(Listed("a.JPG"), "A.jpg")]


def test_names_that_are_no_unicode_go_in_and_out():
    with Ledger() as ledger:
        ledger.list_all(photos("caf\udce9.jpg"))
        ledger.enter([row("caf\udce9.jpg")])
        assert ledger.counts() == {"clean": 1} and ledger.names("clean", 1) == ["caf\udce9.jpg"]
