import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import pairs, restoration
from datasets.occluders import Cutout, list_cutouts
from tests import graphs
from utils import metrics
from utils.images import read_image
from utils.split import side_of

HEIGHT, WIDTH = 640, 480


def draw_page(path, seed):
    """A light page whose upper half holds lines of text, on a darker desk at the right."""
    rng = np.random.default_rng(seed)
    image = np.full((HEIGHT, WIDTH, 3), 215, np.uint8)
    for y in range(40, HEIGHT // 2, 22):
        cv2.putText(image, str(rng.integers(10**17)), (20, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (40, 40, 40), 2)
    image[:, 420:] = 90
    cv2.imwrite(str(path), image)


def draw_cutout(path, height=160, width=60, colour=graphs.RED):
    alpha = np.zeros((height, width), np.uint8)
    cv2.rectangle(alpha, (0, width // 2), (width - 1, height - 1), 255, -1)
    cv2.circle(alpha, (width // 2, width // 2), width // 2 - 2, 255, -1)
    image = np.full((height, width, 3), colour, np.uint8)
    cv2.imwrite(str(path), np.dstack([image, cv2.GaussianBlur(alpha, (3, 3), 0)]))


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "pages").mkdir()
    for kind in ("finger", "hand", "head", "object"):
        (tmp_path / "cutouts" / kind).mkdir(parents=True)
        for number in range(2):
            draw_cutout(tmp_path / "cutouts" / kind / f"{kind}_{number}.png", width=50 + 20 * number)
    for number, group in enumerate(("book_a", "book_b", "receipt_7")):
        draw_page(tmp_path / "pages" / f"{group}.png", number)
    return tmp_path


def plans_of(folder, count, seed=0):
    pages = sorted((folder / "pages").iterdir())
    return pairs.plan_pairs(pages, list_cutouts(folder / "cutouts", "all"), count, seed)


def test_pages_are_untouched_outside_the_occluder(folders):
    for plan in plans_of(folders, 10):
        pair = pairs.build_pair(plan)
        assert pair.hole.any()
        np.testing.assert_array_equal(pair.covered[~pair.hole], pair.clean[~pair.hole])
        solid = pair.alpha == 255
        assert np.abs(pair.covered[solid].astype(int) - graphs.RED).max() <= 3


def test_occluders_have_the_contest_size_and_enter_from_an_edge(folders):
    for plan in plans_of(folders, 20):
        pair = pairs.build_pair(plan)
        low, high = pairs.VISIBLE_SHARES
        assert low <= pair.occluder.mean() <= high
        border = [pair.occluder[0], pair.occluder[-1], pair.occluder[:, 0], pair.occluder[:, -1]]
        if pair.kind == "head":
            assert border[1].any()
        elif pair.kind != "object":
            assert any(edge.any() for edge in border)


@pytest.mark.parametrize("cut_edge", ["bottom", "left", "top", "right"])
def test_cut_edge_lies_on_or_beyond_the_edge_of_the_page(cut_edge):
    page = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    cutout = np.zeros((100, 40, 4), np.uint8)
    cutout[..., 3] = 255
    cutout[:50, :, 1] = 255  # tip green
    cutout[97:, :, 2] = 255  # cut red
    turns = {"bottom": 0, "right": 1, "top": 2, "left": 3}[cut_edge]
    cutout = np.ascontiguousarray(np.rot90(cutout, turns))
    for seed in range(12):
        hand = Cutout(Path("hand.png"), "hand", cut_edge)
        covered, alpha = pairs.cover(page, np.ones((HEIGHT, WIDTH), bool), cutout, hand, np.random.default_rng(seed))
        solid = alpha == 255
        assert (solid & (covered[..., 1] > 200)).any()
        rows, columns = np.nonzero(solid & (covered[..., 2] > 128))
        to_border = np.minimum.reduce([rows, columns, HEIGHT - 1 - rows, WIDTH - 1 - columns])
        assert to_border.max(initial=0) <= 10


def test_a_cutout_lies_on_the_paper_where_the_outline_of_the_page_is_known():
    page, paper = np.full((HEIGHT, WIDTH, 3), 255, np.uint8), np.zeros((HEIGHT, WIDTH), bool)
    paper[:, : WIDTH // 3] = True
    cutout = np.full((100, 40, 4), 255, np.uint8)
    for seed in range(12):
        finger = Cutout(Path("finger.png"), "finger", "bottom")
        alpha = pairs.cover(page, paper, cutout, finger, np.random.default_rng(seed))[1]
        assert (alpha[paper] > 127).sum() >= 0.5 * (alpha > 127).sum()


def test_the_same_seed_gives_the_same_pairs_and_another_one_others(folders):
    first, again, other = (pairs.build_pair(plans_of(folders, 3, seed)[2]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.covered, again.covered)
    assert first.name == again.name
    assert not np.array_equal(first.covered, other.covered)


def test_first_pairs_do_not_depend_on_the_count(folders):
    assert plans_of(folders, 20)[:7] == plans_of(folders, 7)


def test_every_page_comes_once_before_any_comes_twice(folders):
    plans = plans_of(folders, 9)
    for start in (0, 3, 6):
        assert len({plan.page for plan in plans[start : start + 3]}) == 3


def test_contest_kinds_come_three_times_as_often_as_objects(folders):
    kinds = [plan.cutout.kind for plan in plans_of(folders, 20)]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"finger": 6, "hand": 6, "head": 6, "object": 2}


def test_index_decides_kind_and_cut_edge(folders):
    (folders / "index.csv").write_text(
        "file,kind,cut_edge\ncutouts/object/object_0.png,arm,left\ncutouts/hand/hand_1.png,hand,none\n",
        encoding="utf-8",
    )
    found = {cutout.path.stem: cutout for cutout in list_cutouts(folders / "cutouts", "all")}
    assert (found["object_0"].kind, found["object_0"].cut_edge) == ("arm", "left")
    assert (found["hand_1"].kind, found["hand_1"].cut_edge) == ("hand", "")
    assert (found["finger_0"].kind, found["finger_0"].cut_edge) == ("finger", "bottom")
    assert (found["object_1"].kind, found["object_1"].cut_edge) == ("object", "")


@pytest.mark.parametrize(
    ("stem", "group"), [("receipt_B_07", "receipt"), ("Notes12", "notes"), ("发票-1", "发票"), ("001", "other")]
)
def test_page_group_is_the_first_word_of_the_file_name(stem, group):
    assert pairs.page_group(stem) == group


def test_ink_is_counted_on_paper_only(folders):
    page = read_image(folders / "pages" / "book_a.png")
    areas = {"text": np.s_[40:300, 30:400], "bare": np.s_[400:600, 30:400], "desk": np.s_[100:600, 430:470]}
    shares = {}
    for name, area in areas.items():
        hole = np.zeros((HEIGHT, WIDTH), bool)
        hole[area] = True
        shares[name] = restoration.ink_share(page, hole)
    assert shares["text"] > restoration.TEXT_SHARE
    assert shares["bare"] == shares["desk"] == 0


@pytest.fixture
def networks(folders):
    segmenter, generator = graphs.own_specs()
    graphs.write_segmenter(folders / "segmenter.onnx", segmenter)
    graphs.write_generator(folders / "generator.onnx", generator)
    return [
        "--deeplabv3_onnx",
        str(folders / "segmenter.onnx"),
        "--deepfillv2_onnx",
        str(folders / "generator.onnx"),
        "--provider",
        "cpu",
    ]


def run(folder, *flags):
    return restoration.main(
        [
            *("--page_dir", str(folder / "pages"), "--occluder_dir", str(folder / "cutouts")),
            *("--split", "all", "--num_workers", "2", *flags),
        ]
    )


@pytest.mark.slow
def test_whole_chain_is_scored_beside_the_baselines(folders, networks, capsys):
    report = folders / "scores.json"
    assert run(folders, "--count", "6", "--true_mask", "True", "--report", str(report), *networks) == 0
    content = json.loads(report.read_text(encoding="utf-8"))
    rows = {row["method"]: row for row in content["mean"]}
    telea, stokes = (next(name for name in rows if name.startswith(word)) for word in ("Telea", "Navier-Stokes"))
    assert list(rows) == ["left as is", telea, stokes, "this project", "this project, true mask"]
    assert rows["left as is"]["ring_psnr"] == "inf"
    assert rows["this project"]["psnr"] > rows["left as is"]["psnr"] + 3
    chain = [row for row in content["pictures"] if row["method"] == "this project"]
    assert len(chain) == 6
    for row in chain:
        assert row["iou"] > 0.95
        assert row["recall_grown"] > 0.995
        assert row["false_share"] == row["false_share_clean"] == 0
    text = capsys.readouterr().out
    for heading in ("all pairs", "PSNR inside the mask", "PSNR of the whole photo", "what was found"):
        assert heading in text
    for group in ("kind finger", "kind hand", "kind head", "page book", "page receipt"):
        assert group in text


def test_scores_are_those_of_the_pair(folders):
    assert run(folders, "--count", "1", "--chain", "False", "--report", str(folders / "scores.json")) == 0
    pair = pairs.build_pair(plans_of(folders, 1)[0])
    row = json.loads((folders / "scores.json").read_text(encoding="utf-8"))["pictures"][0]
    assert row["psnr"] == metrics.psnr(pair.covered, pair.clean)
    assert row["mask_psnr"] == metrics.psnr(pair.covered, pair.clean, pair.hole)
    assert row["hole_share"] == pair.hole.mean()


def test_best_resolution_of_each_baseline_is_shown(folders):
    rows = [
        {"method": name, "psnr": score}
        for name, score in (
            ("left as is", 20.0),
            ("Telea, true mask, 1/1", 30.0),
            ("Telea, true mask, 1/4", 32.0),
            ("Navier-Stokes, true mask, 1/1", 33.0),
            ("Navier-Stokes, true mask, 1/2", math.nan),
        )
    ]
    expected = ["left as is", "Telea, true mask, 1/4", "Navier-Stokes, true mask, 1/1"]
    assert restoration.best_scales(rows) == expected


def test_pairs_and_comparisons_are_written(folders):
    flags = ["--count", "2", "--chain", "False", "--baselines", "False"]
    kept, root = folders / "kept", folders / "root"
    assert run(folders, *flags, "--keep_dir", str(kept), "--write_pairs", str(root)) == 0
    lines = (root / "train_data_1" / "annotation.txt").read_text(encoding="utf-8").splitlines()
    plans = plans_of(folders, 2)
    assert len(lines) == 2
    for line, plan in zip(lines, plans, strict=True):
        pair = pairs.build_pair(plan)
        clean, covered, mask = (root / "train_data_1" / name for name in line.split("\t"))
        np.testing.assert_array_equal(read_image(clean), pair.clean)
        np.testing.assert_array_equal(read_image(covered), pair.covered)
        assert set(np.unique(read_image(mask)[:, :, 1][pair.alpha == 255])) == {128}
        assert not read_image(mask)[:, :, 1][~pair.hole].any()
    assert sorted(path.stem for path in kept.iterdir()) == [plan.name for plan in plans]


def test_a_cutout_without_alpha_is_named_and_the_rest_is_scored(folders, capsys):
    for path in (folders / "cutouts" / "hand").iterdir():
        cv2.imwrite(str(path), np.zeros((50, 30, 3), np.uint8))
    assert run(folders, "--count", "6", "--chain", "False", "--baselines", "False") == 1
    out, err = capsys.readouterr()
    assert "as a cut-out: an 8-bit picture with alpha channel is needed" in err
    assert "all pairs" in out


@pytest.mark.slow
def test_page_without_text_is_a_second_truth(folders):
    (folders / "textless").mkdir()
    for path in (folders / "pages").iterdir():
        page = read_image(path)
        page[:, :420] = 215
        cv2.imwrite(str(folders / "textless" / path.name), page)
    flags = ["--count", "4", "--chain", "False", "--textless_dir", str(folders / "textless")]
    assert run(folders, *flags, "--report", str(folders / "scores.json")) == 0
    rows = json.loads((folders / "scores.json").read_text(encoding="utf-8"))["pictures"]
    for plan in plans_of(folders, 4):
        pair = pairs.build_pair(plan)
        row = next(row for row in rows if row["file"] == pair.name and row["method"] == "left as is")
        truth = read_image(folders / "textless" / plan.page.name)
        assert row["textless_mask_psnr"] == metrics.psnr(pair.covered, truth, pair.hole)
        assert row["mask_psnr"] == metrics.psnr(pair.covered, pair.clean, pair.hole)


def test_only_held_back_pages_and_cutouts_are_used_unless_told_otherwise(folders):
    for number in range(40):
        draw_page(folders / "pages" / f"more_{number}.png", number)
        draw_cutout(folders / "cutouts" / "hand" / f"more_{number}.png")
    chosen = restoration.choose(str(folders / "pages"), str(folders / "cutouts"), "val")
    for items, everything in zip((chosen[0], [c.path for c in chosen[1]]), (43, 48), strict=True):
        assert 0 < len(items) < everything
        assert {side_of(path) for path in items} == {"val"}
    assert restoration.build_parser().parse_args(["--page_dir", "a", "--occluder_dir", "b"]).split == "val"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--page_dir", "nowhere"], "--page_dir nowhere: there is no such folder"),
        (["--deeplabv3_onnx", "nowhere.onnx"], "no such graph: 'nowhere.onnx'"),
        (["--textless_dir", "nowhere"], "--textless_dir nowhere: there is no such folder"),
        (["--report", "scores.txt"], "must end in .json or .csv"),
        (["--threshold", "2"], "--threshold 2.0: must lie between 0 and 1"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_to_do(folders, networks, capsys, flags, message):
    with pytest.raises(SystemExit) as stop:
        run(folders, *networks, *flags)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
