"""Of each of twelve broken models the doctor names the right module first, and what it offers makes the model run."""

from __future__ import annotations

import pytest

import weightedit
from tests.doctor.cases import CASES
from tests.doctor.cases.running import Examined, applied, checked, examine, mended, plain
from tests.doctor.cases.table import COMMAND, README, cells, row

NAMES = [case.name for case in CASES]
BY_CODE = ("grey_image", "batch_disagreement", "half_weights", "wrong_vocabulary")
"""Those that go the long way here, code by reference in a process of its own; `--deep` takes all."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for all of them, and one that keeps what is known of saves away from the person's."""
    path = tmp_path_factory.mktemp("cases")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIGHTEDIT_STATE", str(path / "state"))
        yield path


@pytest.fixture(scope="module")
def examined(folder, is_deep) -> dict[str, Examined]:
    return {one.case.name: one for one in examine(CASES, folder, NAMES if is_deep else BY_CODE)}


@pytest.mark.parametrize("name", NAMES)
def test_torch_raises_what_the_case_says(examined, name):
    one = examined[name]
    assert one.case.torch in one.torch


@pytest.mark.parametrize("name", NAMES)
def test_the_doctor_names_the_right_module_first(examined, name):
    one = examined[name]
    assert not one.found["ok"]
    assert (one.first["module"], one.first["kind"]) == (one.case.module, one.case.kind)
    assert one.first["level"] != "notice"
    assert one.first["mends"][0]["title"].startswith(one.case.mend)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_offered_first_makes_the_model_run(examined, folder, name):
    one = examined[name]
    mend = one.first["mends"][0]
    assert mend["edits"] or mend["inputs"] or mend["target"]
    source, again = mended(one, mend, folder)
    assert again["ok"], again["findings"]
    assert plain(one.case, source, mend["inputs"], mend["target"]).isfinite().all()


@pytest.mark.parametrize("name", ["grey_image", "flattened_size", "float64_input"])
def test_a_live_module_runs_after_the_edit_where_code_would_have_to_change(name):
    """The code says the shape or the dtype, so an edit of the file would not load; the module itself takes it."""
    case = next(case for case in CASES if case.name == name)
    net = case.code.Net()
    with weightedit.open(net) as document:
        found = checked(case, document, net)
        assert found["findings"][0]["kind"] == case.kind
        applied(document, [found["findings"][0]["mend"]])
        assert checked(case, document, net)["ok"]
    assert plain(case, net).isfinite().all()


def test_an_edit_that_the_code_stands_against_comes_last_and_says_so(examined):
    for name in ("grey_image", "flattened_size"):
        first, *others = examined[name].first["mends"]
        assert first["inputs"]
        assert [one["detail"].endswith("; the code must then say so too") for one in others] == [True]


def test_readme_has_what_was_said(examined):
    """What torch says is left to the table: its words change with its version."""
    kept = [(title, said, offer) for title, _, said, offer in cells(README.read_text(encoding="utf-8"))]
    now = [tuple(line.strip("|").split(" | ")) for line in map(row, examined.values())]
    assert kept == [(title.strip(), said, offer.strip()) for title, _, said, offer in now], f"`{COMMAND}` writes it"
