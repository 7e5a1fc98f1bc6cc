import numpy as np
import pytest

from benchmarks import scenes
from benchmarks.looks import step_error
from datasets.lifelike import LifelikeScenes
from tests.lifelike_root import write_collection


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_collection(tmp_path_factory.mktemp("scenes") / "data", sources=12)


def test_a_seam_counts_by_the_levels_that_its_step_is_wrong():
    clean = np.tile(np.arange(80, 180, dtype=np.uint8)[None, :, None], (90, 1, 3))
    hole = np.zeros((90, 100), bool)
    hole[30:60, 40:70] = True
    image = clean.copy()
    assert step_error(image, clean, hole) == 0
    image[hole] += 12
    assert step_error(image, clean, hole) == pytest.approx(12, abs=0.01)
    image[~hole] += 12  # as bright all over: no seam
    assert step_error(image, clean, hole) == pytest.approx(0, abs=0.01)


def test_scenes_are_the_same_each_time_and_differ_from_the_truth_where_something_lies_or_its_shadow(data):
    collection = LifelikeScenes(data, "val")
    truth, covered, finding = scenes.draw(collection, np.random.default_rng((1, 0)))
    again = scenes.draw(LifelikeScenes(data, "val"), np.random.default_rng((1, 0)))
    assert np.array_equal(covered, again[1]) and np.array_equal(finding.mask, again[2].mask)
    assert truth.shape == covered.shape and truth.shape[:2] == finding.mask.shape == finding.off_page.shape
    differs = np.abs(truth.astype(int) - covered).max(2) > 0
    assert differs[finding.mask].mean() > 0.5
    assert (covered.astype(int) - truth)[~finding.mask].max() <= 60  # beyond the hole: its soft rim, and shadow
    assert 0 < finding.mask.mean() < 1


def test_what_covers_nothing_is_no_scene(data, monkeypatch):
    monkeypatch.setattr(scenes, "find_hole", lambda over, rng: np.zeros(over.shape, bool))
    with pytest.raises(ValueError, match="--data_dir lacks occluders"):
        scenes.draw(LifelikeScenes(data, "val"), np.random.default_rng(0))


def test_gain_and_loss_are_counted_against_page_structure_alone():
    truth = np.full((60, 60, 3), 200, np.uint8)
    hole = np.zeros((60, 60), bool)
    hole[20:40, 20:40] = True
    results = {scenes.AS_IS: truth // 2}
    for method, error in (("only", 20), ("auto", 10), ("off", 40)):
        results[method] = truth - np.uint8(error) * hole[..., None].astype(np.uint8)
    rows = {row["method"]: row for row in scenes.judge(results, truth, hole)}
    assert (rows["auto"]["gain"], rows["auto"]["lose"], rows["off"]["gain"], rows["off"]["lose"]) == (1, 0, 0, 1)
    assert rows["only"]["step"] == pytest.approx(20, abs=0.01) and "step" not in rows[scenes.AS_IS]
    assert {row["kind"] for row in rows.values()} == {"blank"}


@pytest.mark.slow
def test_all_is_printed_by_what_the_hole_hides(data, tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    assert scenes.main([f"--data_dir={data}", "--count=2", f"--sheet={sheet}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["scenes", "method", "mask_psnr"]
    assert [line.split()[0] for line in lines[1:4]] == ["all", "all", "all"] and sheet.is_file()


def test_a_folder_that_is_none_is_named(tmp_path, capsys):
    assert scenes.main([f"--data_dir={tmp_path}"]) == 2
    assert "scenes.py:" in capsys.readouterr().err
