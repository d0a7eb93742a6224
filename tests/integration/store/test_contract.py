"""The contract of every store, over each implementation."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from easyai.domain.frame import KeyRules
from easyai.errors import InvalidKeyError, StoreUnavailableError
from easyai.store.frame_store import Carried, Store
from tests.integration.store.places import Place, jpeg, look, walked

ODD_NAMES = [
    "人数统计/门口2/20251114-164712.618.jpg",
    "人数统计/门口 2/two words.JPG",
    "t/cam/100%25 sure.jpeg",
    't/cam/it\'s "quoted".png',
    "t/cam/line\nbreak.jpg",
    "t/cam/a+b&c=d?e#f;g.jpg",
    "t/cam/deeper/and deeper/x.PnG",
]
KEY, TARGET = "人数统计/门口2/a b.jpg", "alerts/人数统计/门口2/a b.jpg"
ESCAPES = ["../x.jpg", "t/../../x.jpg", "/etc/passwd", "t//x.jpg", "", ".", "t/./x.jpg"]
NOT_NAMES = ["t/a\0.jpg", "t/cam/\ud800.jpg"]


def test_walk_lists_every_picture_whatever_its_name(place: Place) -> None:
    for key in ODD_NAMES:
        place.put(key, jpeg(key))
    assert walked(place.store()) == set(ODD_NAMES)


def test_walk_leaves_out_alerts_failed_frames_and_other_files(place: Place) -> None:
    for key in ("alerts/t/cam/1.jpg", "failed/t/cam/1.jpg", "t/cam/algo_config.json", "t/n.txt"):
        place.put(key, b"{}")
    place.put("alertsnot/cam/1.jpg", jpeg("1"))
    assert walked(place.store()) == {"alertsnot/cam/1.jpg"}


def test_walk_leaves_out_a_folder_of_alerts_that_lies_deep_in_the_tree(place: Place) -> None:
    for key in ("t/alerts/x/1.jpg", "t/cam/1.jpg", "t/cam/alerts/2.jpg", "u/cam/1.jpg"):
        place.put(key, jpeg(key))
    store = place.store(KeyRules("", ("t/alerts/", "failed/")))
    assert walked(store) == {"t/cam/1.jpg", "t/cam/alerts/2.jpg", "u/cam/1.jpg"}


def test_walk_shows_pictures_too_high_in_the_tree_so_that_they_are_counted(place: Place) -> None:
    place.put("top.jpg", jpeg("1"))
    place.put("t/camless.jpg", jpeg("2"))
    store = place.store()
    keys = walked(store)
    assert keys == {"top.jpg", "t/camless.jpg"}
    assert all(store.rules.is_stray_picture(key) for key in keys)


def test_walk_of_an_empty_store_gives_no_page(place: Place) -> None:
    assert walked(place.store()) == set()


def test_walk_over_several_pages_loses_no_picture(place: Place) -> None:
    keys = {f"t/cam{number % 2}/{number:03}.jpg" for number in range(20)}
    for key in keys:
        place.put(key, jpeg(key))
    assert walked(place.store()) == keys


@pytest.mark.parametrize("key", ODD_NAMES)
def test_a_picture_is_ready_readable_movable_and_deletable_whatever_its_name(
    place: Place, key: str
) -> None:
    store = place.store()
    place.put(key, jpeg(key))
    picture = look(store, key, 2.0)
    assert picture is not None
    assert (picture.key, picture.version) == (key, store.version(key))
    assert store.read(key, 1000) == (picture.version, jpeg(key))
    assert store.move(key, f"alerts/{key}", picture.version) is Carried.DONE
    assert place.content(key) is None
    assert place.content(f"alerts/{key}") == jpeg(key)
    assert store.delete(f"alerts/{key}", "") is Carried.DONE
    assert place.content(f"alerts/{key}") is None


def test_ready_after_a_walk_gives_the_same_version(place: Place) -> None:
    store, seen = place.store(), []
    place.put(KEY, jpeg("1"))
    watch = store.watch()
    for listing in watch.listings(math.inf):
        assert listing.first
        for picture in watch.whole_pictures(listing.keys, 2.0, set()):
            assert picture.version == store.version(picture.key)
            seen.append(picture.key)
    assert seen == [KEY]


def test_empty_picture_is_not_ready_until_it_has_content(place: Place) -> None:
    watch = place.store().watch()
    place.put(KEY, b"")
    for _ in range(2):  # a folder's pictures are whole at two looks
        for listing in watch.listings(math.inf):
            assert watch.whole_pictures(listing.keys, 0.0, set()) == []
        assert look(watch, KEY, 0.0) is None
    place.put(KEY, jpeg("1"))
    picture = look(watch, KEY, 0.0)
    assert picture is not None
    assert picture.version == place.store().version(KEY)


def test_missing_picture_is_not_ready_does_not_exist_and_is_not_read(place: Place) -> None:
    store = place.store()
    assert look(store, KEY, 0.0) is None
    assert store.exists(KEY) is False
    assert store.version(KEY) is None
    assert store.read(KEY, 10) is None


def test_key_below_a_picture_does_not_exist(place: Place) -> None:
    place.put("t/cam/1.jpg", jpeg("1"))
    store = place.store()
    assert store.exists("t/cam/1.jpg/x.jpg") is False
    assert look(store, "t/cam/1.jpg/x.jpg", 0.0) is None


def test_read_returns_small_files_whole_and_never_part_of_a_large_file(place: Place) -> None:
    store = place.store()
    place.put("t/cam/algo_config.json", b"0123456789")
    place.put("t/cam/empty.json", b"")
    assert (store.read("t/cam/algo_config.json", 10) or ("", b""))[1] == b"0123456789"
    assert (store.read("t/cam/empty.json", 10) or ("", b"?"))[1] == b""
    with pytest.raises(StoreUnavailableError, match="larger than 9 B"):
        store.read("t/cam/algo_config.json", 9)


def test_the_version_changes_when_another_picture_takes_the_key(place: Place) -> None:
    store = place.store()
    place.put(KEY, jpeg("1"))
    before = store.version(KEY)
    place.put(KEY, jpeg("another"))
    assert store.version(KEY) != before


def test_a_replaced_picture_is_neither_moved_nor_deleted(place: Place) -> None:
    store = place.store()
    place.put(KEY, jpeg("1"))
    version = store.version(KEY) or ""
    place.put(KEY, jpeg("another"))
    assert store.move(KEY, TARGET, version) is Carried.REPLACED
    assert store.delete(KEY, version) is Carried.REPLACED
    assert place.content(KEY) == jpeg("another")
    assert place.content(TARGET) is None


def test_move_repeated_after_a_crash_is_done(place: Place) -> None:
    store = place.store()
    place.put(KEY, jpeg("1"))
    version = store.version(KEY) or ""
    assert store.move(KEY, TARGET, version) is Carried.DONE
    assert store.move(KEY, TARGET, version) is Carried.DONE
    assert store.move(KEY, TARGET, "") is Carried.DONE
    assert place.content(TARGET) == jpeg("1")


def test_repeated_move_keeps_a_picture_that_the_camera_wrote_since(place: Place) -> None:
    store = place.store()
    place.put(KEY, jpeg("1"))
    version = store.version(KEY) or ""
    store.move(KEY, TARGET, version)
    place.put(KEY, jpeg("newer"))
    assert store.move(KEY, TARGET, version) is Carried.DONE
    assert place.content(KEY) == jpeg("newer")
    assert place.content(TARGET) == jpeg("1")


def test_move_without_a_version_moves_the_current_picture(place: Place) -> None:
    place.put(KEY, jpeg("1"))
    assert place.store().move(KEY, TARGET, "") is Carried.DONE
    assert place.content(TARGET) == jpeg("1")


def test_move_back_and_forth_works(place: Place) -> None:
    store = place.store()
    place.put(KEY, jpeg("1"))
    for source, target in ((KEY, TARGET), (TARGET, KEY), (KEY, TARGET)):
        assert store.move(source, target, "") is Carried.DONE
        assert place.content(source) is None
        assert place.content(target) == jpeg("1")


@pytest.mark.parametrize("version", ["", "1-2"])
def test_move_of_a_missing_picture_returns_missing(place: Place, version: str) -> None:
    place.put("人数统计/门口2/b.jpg", jpeg("other"))  # an empty folder may be a disk not mounted
    assert place.store().move(KEY, TARGET, version) is Carried.MISSING


@pytest.mark.parametrize("content", ["1", "another"])
def test_a_move_never_overwrites(place: Place, content: str) -> None:
    store = place.store()
    place.put(KEY, jpeg("1"))
    place.put(TARGET, jpeg(content))
    for version in (store.version(KEY) or "", ""):
        assert store.move(KEY, TARGET, version) is Carried.TAKEN
    assert place.content(KEY) == jpeg("1")
    assert place.content(TARGET) == jpeg(content)


def test_deletion_of_a_missing_picture_returns_missing(place: Place) -> None:
    store = place.store()
    place.put(KEY, jpeg("1"))
    place.put("t/cam/other.jpg", jpeg("2"))  # an empty folder may be a disk not mounted
    version = store.version(KEY) or ""
    assert store.delete(KEY, version) is Carried.DONE
    assert store.delete(KEY, version) is Carried.MISSING
    assert store.delete(KEY, "") is Carried.MISSING


def test_a_key_that_no_picture_can_have_is_refused_by_every_call(
    place: Place, subtests: pytest.Subtests
) -> None:
    store = place.store()
    place.put(KEY, jpeg("1"))
    for key in (*ESCAPES, *NOT_NAMES):
        with subtests.test(key=key):
            for call in _calls(store, key):
                with pytest.raises(InvalidKeyError):
                    call()
            assert place.content(KEY) == jpeg("1")


def _calls(store: Store, key: str) -> tuple[Callable[[], object], ...]:
    """Every call of a store that takes a key."""
    return (
        lambda: look(store, key, 0.0),
        lambda: store.exists(key),
        lambda: store.version(key),
        lambda: store.read(key, 10),
        lambda: store.move(key, TARGET, ""),
        lambda: store.move(KEY, key, ""),
        lambda: store.delete(key, ""),
        lambda: store.delete(key, "1-2", 7),
        lambda: store.hold(key, 7, "1-2"),
        lambda: store.keep(key, TARGET, "1-2"),
        lambda: store.discard(key, ""),
    )


def test_many_threads_move_many_pictures_each_once(place: Place) -> None:
    store = place.store()
    keys = [f"t/cam/{number}.jpg" for number in range(16)]
    for key in keys:
        place.put(key, jpeg(key))

    def move(key: str) -> Carried:
        return store.move(key, f"alerts/{key}", store.version(key) or "")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(move, keys)) == {Carried.DONE}
    assert walked(store) == set()
    assert [place.content(f"alerts/{key}") for key in keys] == [jpeg(key) for key in keys]


def test_two_workers_that_move_a_picture_at_once_lose_nothing(place: Place) -> None:
    store = place.store()
    for number in range(4):
        key, target = f"t/cam/{number}.jpg", f"alerts/t/cam/{number}.jpg"
        place.put(key, jpeg(key))
        version = store.version(key) or ""

        def move(key: str = key, target: str = target, version: str = version) -> Carried | None:
            try:
                return store.move(key, target, version)
            except StoreUnavailableError:
                return None  # came in between; the sweep asks again

        with ThreadPoolExecutor(2) as pool:
            outcomes = {future.result() for future in [pool.submit(move) for _ in range(2)]}
        assert Carried.DONE in outcomes
        assert outcomes <= {Carried.DONE, None}
        assert store.move(key, target, version) is Carried.DONE
        assert place.content(target) == jpeg(key)


def test_check_passes_on_a_working_store(place: Place) -> None:
    place.store().check()


def test_held_picture_is_moved_although_the_camera_has_written_a_newer_picture(
    place: Place,
) -> None:
    store = place.store()
    place.put(KEY, jpeg("1"))
    version = store.version(KEY) or ""
    held = store.hold(KEY, 7, version)
    assert held.carried is Carried.DONE
    assert (store.read(held.key, 100) or ("", b""))[1] == jpeg("1")
    assert store.keep(held.key, TARGET, version) is Carried.DONE
    place.put(KEY, jpeg("another"))
    assert store.move(KEY, TARGET, version, 7) is Carried.DONE
    assert place.content(TARGET) == jpeg("1")
    assert place.content(KEY) == jpeg("another")
    assert walked(store) == {KEY}
    assert store.move(KEY, TARGET, version, 7) is Carried.DONE, "asked for again after a crash"


def test_a_picture_may_be_held_again(place: Place) -> None:
    store = place.store()
    place.put(KEY, jpeg("1"))
    version = store.version(KEY) or ""
    assert store.hold(KEY, 7, version) == place.store().hold(KEY, 7, version)
    assert store.delete(KEY, version, 7) is Carried.DONE
    assert place.content(KEY) is None


def test_newer_picture_is_not_held_and_stays_at_its_key(place: Place) -> None:
    store = place.store()
    place.put(KEY, jpeg("1"))
    version = store.version(KEY) or ""
    place.put(KEY, jpeg("another"))
    assert store.hold(KEY, 7, version).carried is Carried.REPLACED
    assert store.keep(KEY, TARGET, version) is Carried.REPLACED
    assert place.content(KEY) == jpeg("another")
    assert place.content(TARGET) is None
    assert list(store.held()) == []


def test_missing_picture_is_not_held(place: Place) -> None:
    place.put("t/cam/other.jpg", jpeg("2"))
    assert place.store().hold(KEY, 7, "1-2").carried is Carried.MISSING


def test_repeated_discard_leaves_the_newer_picture_that_has_the_name(place: Place) -> None:
    store = place.store()
    for content in ("first", "the second"):
        place.put(KEY, jpeg(content))
        version = store.version(KEY) or ""
        assert store.move(KEY, TARGET, version) is Carried.DONE
        if content == "first":
            first = version
            assert store.discard(TARGET, first) is Carried.DONE
    assert store.discard(TARGET, first) is Carried.REPLACED
    assert place.content(TARGET) == jpeg("the second")
    assert store.discard(TARGET, version) is Carried.DONE


def test_repeated_discard_leaves_a_picture_that_was_moved_twice_to_the_name(place: Place) -> None:
    store = place.store()
    place.put(KEY, jpeg("moved twice"))
    version = store.version(KEY) or ""
    assert store.move(KEY, f"{TARGET}.jpg", version) is Carried.DONE
    assert store.move(f"{TARGET}.jpg", TARGET, "") is Carried.DONE  # requeued, and settled again
    assert store.discard(TARGET, f"{version}-of-another") is Carried.REPLACED
    assert place.content(TARGET) == jpeg("moved twice")
    assert store.discard(TARGET, version) is Carried.DONE


def test_discard_removes_only_a_picture_that_a_move_has_put_there(place: Place) -> None:
    store = place.store()
    place.put(KEY, jpeg("1"))
    version = store.version(KEY) or ""
    assert store.move(KEY, TARGET, version, 7) is Carried.DONE
    place.put(f"{TARGET}.jpg", jpeg("foreign"))
    assert store.discard(f"{TARGET}.jpg", version) is Carried.REPLACED
    assert store.discard(TARGET, version) is Carried.DONE
    assert store.discard(TARGET, version) is Carried.MISSING
    assert place.content(f"{TARGET}.jpg") == jpeg("foreign")


def test_a_store_is_claimed_once_unless_the_claim_is_taken_over(place: Place) -> None:
    store = place.store()
    assert store.claim(b"ours") == b"ours"
    assert store.claim(b"theirs") == b"ours"
    assert place.store().claim(b"theirs", replace=True) == b"theirs"
    assert store.claim(b"ours") == b"theirs"
    assert walked(store) == set()
