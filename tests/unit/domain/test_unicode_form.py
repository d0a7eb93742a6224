"""Names of task types and cameras have a single Unicode form."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.unicode_form import nfc


@pytest.mark.parametrize("name", ["Café", "ガレージ", "거리", "Cửa số 2"])
def test_both_unicode_forms_of_a_name_are_equal(name: str) -> None:
    decomposed = normalize("NFD", name)
    assert decomposed != name
    assert nfc(decomposed) == nfc(name) == name


@pytest.mark.parametrize("name", ["", "head_detect", "人数统计", "门口2", "a b", "x\udcff"])
def test_a_name_without_composed_characters_stays_as_it_is(name: str) -> None:
    assert nfc(name) == name


@given(st.text())
def test_normalized_name_is_not_changed_again(name: str) -> None:
    assert nfc(nfc(name)) == nfc(name)
