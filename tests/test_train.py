import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import train
from models import checkpoint, overfit
from tests.contest_root import write_root
from tests.lifelike_root import write_collection
from utils.images import read_image

REPOSITORY = Path(__file__).parent.parent
INPAINTING = [
    "--train_model",
    "deepfillv2",
    "--latent_channels",
    "4",
    "--imgsize",
    "64",
    "--imgresize",
    "2",
    "--batch_size1",
    "2",
]
SEGMENTATION = ["--train_model", "deeplabv3", "--seg_height", "64", "--seg_width", "48", "--batch_size2", "2"]
FLOAT32 = ["--autocast", "False"]


@pytest.fixture
def root(tmp_path):
    return write_root(tmp_path / "train", count=6)


def flags(root: Path, out: str, *more: str) -> list[str]:
    folder = root.parent / out
    places = [
        "--save_path",
        str(folder),
        "--sample_path",
        str(folder / "samples"),
        "--cache_dir",
        str(root.parent / "cache"),
    ]
    return ["--baseroot", str(root), "--device", "cpu", "--num_workers", "0", "--log_every", "1", *places, *more]


def lines(folder: Path, event: str = "train", name: str = "deepfillv2") -> list[dict]:
    found = [json.loads(line) for line in (folder / f"{name}_log.jsonl").read_text().splitlines()]
    return [line for line in found if line["event"] == event]


def losses(folder: Path, name: str = "deepfillv2") -> list[tuple]:
    names = ("step", "loss", "loss_D", "first_L1", "second_L1", "loss_GAN")
    return [tuple(line.get(name) for name in names) for line in lines(folder, name=name)]


@pytest.mark.slow
def test_loader_processes_of_a_second_epoch_start_after_opencv_was_used(root):
    """Validation draws its grid with OpenCV, whose threads a forked loader must not wait for."""
    argv = [*INPAINTING, *flags(root, "forked", "--num_workers", "1", "--epochs", "2", "--val_fraction", "0.4")]
    done = subprocess.run([sys.executable, "train.py", *argv], cwd=REPOSITORY, capture_output=True, timeout=240)
    assert done.returncode == 0
    assert len(lines(root.parent / "forked", "validation")) == 2


@pytest.mark.slow
def test_generator_weights_of_another_network_are_refused_even_where_they_fit(root, capsys):
    assert train.main([*INPAINTING, *flags(root, "first", "--epochs", "1", "--norm", "none")]) == 0
    (weights,) = (root.parent / "first").glob("deepfillv2_G_epoch*.pth")
    begin = [*INPAINTING, *flags(root, "second", "--epochs", "1"), "--deepfillv2_generator_pretrain"]
    for more, expected in (
        ([], "--norm none"),
        (["--latent_channels", "6"], "--latent_channels 4 --norm none"),
        (["--latent_channels", "2"], "--latent_channels 4 --norm none"),
        (["--latent_channels", "8"], "--norm none"),
    ):
        assert train.main([*begin, str(weights), *more]) == 1
        assert f"{weights.name}' was trained with other flags: give {expected}\n" in capsys.readouterr().err
    assert train.main([*begin, str(weights).replace("_G_", "_D_"), "--norm", "none"]) == 1
    assert "holds the network deepfillv2_D, deepfillv2_G is needed here" in capsys.readouterr().err


@pytest.mark.slow
def test_a_wider_generator_starts_from_a_narrow_one(root, capsys):
    argv = [*INPAINTING, "--epochs", "1", "--lambda_gan", "0"]
    assert train.main([*argv, *flags(root, "narrow")]) == 0
    (weights,) = (root.parent / "narrow").glob("deepfillv2_G_epoch*.pth")
    more = ["--deepfillv2_generator_pretrain", str(weights), "--latent_channels", "8", "--lr_g", "1e-12"]
    assert train.main([*argv, *flags(root, "wide"), *more]) == 0
    assert " entries loaded, widened from 4 to 8 channels\n" in capsys.readouterr().out
    narrow, wide = (checkpoint.load_generator(root.parent / out / weights.name)[0] for out in ("narrow", "wide"))
    images, masks = torch.rand(1, 3, 32, 32), torch.zeros(1, 1, 32, 32)
    masks[..., 8:24, 8:24] = 1
    with torch.no_grad():
        torch.testing.assert_close(wide(images, masks), narrow(images, masks), atol=1e-3, rtol=1e-2)


def test_help_needs_no_pytorch():
    code = "import sys, train; train.build_parser().format_help(); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY).returncode == 0


@pytest.mark.slow
def test_ctrl_c_before_the_first_batch_ends_without_a_traceback(root):
    code = """
import runpy, sys
from datasets import sources
def interrupt(self, *_):
    raise KeyboardInterrupt
sources.Sources.open = interrupt
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    start = f"import sys; sys.argv[0] = 'train.py'; exec({code!r})"
    command = [sys.executable, "-c", start, *flags(root, "out", *INPAINTING)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=100)
    assert done.returncode == 130 and done.stderr == "interrupted\n"


@pytest.mark.slow
def test_a_terminal_of_few_letters_is_no_obstacle(root):
    command = [sys.executable, "train.py", *flags(root, "out", *INPAINTING, "--epochs", "1")]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0 and "1 \\xd7 cpu" in done.stdout


def test_choices_on_the_command_line_are_those_that_are_implemented():
    from datasets import contest, masks
    from models import backbones, gated_conv
    from models.losses import ADVERSARIAL_LOSSES

    assert set(train.GAN_TYPES) == set(ADVERSARIAL_LOSSES)
    assert set(train.BACKBONES) == {"mobilenetv2", *backbones.RESNET_LAYERS}
    assert set(train.PAD_TYPES) == set(gated_conv.PAD_MODES)
    assert set(train.ACTIVATIONS) == set(gated_conv.ACTIVATION_LAYERS)
    assert set(train.NORMS) == set(gated_conv.NORM_LAYERS)
    assert set(train.INIT_TYPES) == set(gated_conv.INITIALISERS)
    assert set(train.MASK_TYPES) == set(masks.MASK_DRAWERS)
    assert set(train.AUGMENTATIONS) == set(contest.AUGMENTERS)


def test_published_defaults_hold():
    args = train.build_parser().parse_args([])
    published = {
        "train_model": "deepfillv2", "save_path": "./pytorch_model", "sample_path": "./samples", "gan_type": "WGAN",
        "multi_gpu": False, "cudnn_benchmark": True, "epochs": 3, "batch_size1": 24, "batch_size2": 16,
        "autocast": True,
        "lr_s": 1e-4, "lr_g": 1e-4, "lr_d": 4e-4, "b1": 0.5, "b2": 0.999, "weight_decay": 0, "lr_decrease_factor": 0.98,
        "lr_decrease_step": 100, "lambda_l1": 1000, "lambda_gan": 1, "num_workers": 8, "backbone": "mobilenetv2",
        "in_c": 3, "out_c": 2, "in_channels": 4, "out_channels": 3, "latent_channels": 64, "pad_type": "zero",
        "activation": "lrelu", "norm": "in", "init_type": "xavier", "init_gain": 0.02, "augment": False,
        "mask_type": "free_form", "imgsize": 1536, "imgresize": 6, "margin": 10, "mask_num": 15, "bbox_shape": 30,
        "max_angle": 4, "max_len": 50, "max_width": 15, "deepfillv2_generator_pretrain": "",
        "deepfillv2_discriminator_pretrain": "", "deeplabv3_pretrain": "", "class_weights": [1, 10], "g_steps_per_d": 1,
    }  # fmt: skip
    assert {name: getattr(args, name) for name in published} == published


@pytest.mark.slow
def test_inpainting_run_leaves_named_checkpoints_samples_and_a_log(root, capsys):
    more = ["--epochs", "2", "--lr_decrease_step", "2", "--lr_decrease_factor", "0.9", "--val_fraction", "0.2"]
    assert train.main(flags(root, "out", *INPAINTING, *more)) == 0
    out = root.parent / "out"
    names = {
        f"deepfillv2_{net}_{end}.pth" for net in "GD" for end in ("epoch1_batchsize2", "epoch2_batchsize2", "best")
    }
    assert names | {"deepfillv2_state.pth"} == {path.name for path in out.glob("*.pth")}
    _, spec = checkpoint.load_generator(out / "deepfillv2_G_epoch2_batchsize2.pth")
    assert (spec.latent_channels, spec.imgsize, spec.imgresize, spec.input_height) == (4, 64, 2, 32)
    checkpoint.load_discriminator(out / "deepfillv2_D_best.pth")
    samples = {path.stem for path in (out / "samples").glob("epoch2_*.png")}
    assert samples == {f"epoch2_{kind}" for kind in ("gt", "mask", "masked_img", "first_out", "second_out")}
    grid = read_image(out / "samples" / "deepfillv2_val_epoch2.png")
    assert grid.shape == (32, 4 * 32, 3)  # hole | coarse | refined | clean
    # 5 pictures are 3 batches an epoch: one fall of the rate in each epoch, after its second batch
    assert [line["lr_factor"] for line in lines(out)] == pytest.approx([1, 1, 0.9, 0.9, 0.9, 0.81])
    assert {"loss_D", "first_L1", "second_L1", "loss_GAN", "samples_per_second", "seconds_left"} <= lines(out)[0].keys()
    assert {"psnr", "ms_ssim", "mask_psnr"} <= lines(out, "validation")[1].keys()
    printed = capsys.readouterr().out
    assert "cache: " in printed and "5 samples, 3 batches an epoch; 1 held out" in printed


@pytest.mark.slow
def test_segmentation_run_leaves_checkpoints_and_scores(root):
    assert train.main(flags(root, "out", *SEGMENTATION, "--epochs", "1", "--val_root", str(root), "--ema", "0.9")) == 0
    out = root.parent / "out"
    _, spec = checkpoint.load_segmenter(out / "deeplabv3_epoch1_batchsize2.pth")
    assert (spec.backbone, spec.input_height, spec.input_width) == ("mobilenetv2", 64, 48)
    scores = lines(out, "validation", "deeplabv3")[0]
    assert all(0 <= scores[name] <= 1 for name in ("iou", "precision", "recall"))
    assert (out / "deeplabv3_best.pth").is_file() and (out / "samples" / "deeplabv3_val_epoch1.png").is_file()


def test_without_adversarial_loss_there_is_no_discriminator(root):
    weights = "--lambda_gan", "0", "--hole_weight", "4", "--known_weight", "1"
    assert train.main(flags(root, "out", *INPAINTING, "--epochs", "1", *weights)) == 0
    out = root.parent / "out"
    assert not list(out.glob("*_D_*")) and "loss_D" not in lines(out)[0]


def test_discriminator_waits_for_warm_up_and_steps_every_third_batch(root):
    more = ["--epochs", "2", "--warmup_l1", "2", "--g_steps_per_d", "3", "--gan_type", "LSGAN"]
    assert train.main(flags(root, "out", *INPAINTING, *more)) == 0
    found = lines(root.parent / "out")
    assert ["loss_GAN" in line for line in found] == [False, False, True, True, True, True]
    assert "loss_D" not in found[2] and "loss_D" in found[3]


@pytest.mark.slow
def test_same_seed_gives_the_same_losses_and_another_seed_others(root):
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert train.main(flags(root, out, *INPAINTING, *FLOAT32, "--epochs", "1", "--seed", seed)) == 0
    a, b, c = (losses(root.parent / out) for out in "abc")
    assert a == b and a != c


@pytest.mark.slow
@pytest.mark.parametrize(("model", "name"), [(INPAINTING, "deepfillv2"), (SEGMENTATION, "deeplabv3")])
def test_resumed_run_has_the_losses_of_an_uninterrupted_one_bit_for_bit(root, model, name, monkeypatch):
    more = [*model, *FLOAT32, "--epochs", "2", "--ema", "0.9", "--augmentations", "flip", "light"]
    assert train.main(flags(root, "whole", *more)) == 0
    # SIGTERM in the middle of an epoch: the run saves and says so
    from models.tasks import Task

    average = Task.average

    def interrupt(self, step):
        average(self, step)
        if step == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Task, "average", interrupt)
    assert train.main(flags(root, "parts", *more)) == 128 + signal.SIGTERM
    monkeypatch.setattr(Task, "average", average)
    torch.manual_seed(99)
    assert len(losses(root.parent / "parts", name)) == 2
    assert train.main(flags(root, "parts", *more, "--resume", "auto")) == 0
    whole, parts = (losses(root.parent / out, name) for out in ("whole", "parts"))
    assert len(whole) == 6 and parts == whole
    results = [torch.load(root.parent / out / f"{name}_state.pth", weights_only=True) for out in ("whole", "parts")]
    for group in ("networks", "averages"):
        for network, state in results[0][group].items():
            assert all(torch.equal(value, results[1][group][network][key]) for key, value in state.items())


@pytest.mark.slow
def test_run_killed_at_any_moment_resumes_bit_for_bit(root):
    more = [*INPAINTING, *FLOAT32, "--epochs", "4", "--lr_decrease_step", "2", "--num_workers", "1"]
    assert train.main(flags(root, "whole", *more)) == 0
    command = [sys.executable, "train.py", *flags(root, "parts", *more), "--resume", "auto"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    kills = 0
    for steps in (3, 8):
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        log, until = root.parent / "parts" / "deepfillv2_log.jsonl", time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            if log.exists() and log.read_text().count('"event": "train"') >= steps:
                process.kill()
                kills += 1
                break
            time.sleep(0.002)
        process.communicate()
    assert kills == 2
    assert subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True).returncode == 0
    assert losses(root.parent / "parts") == losses(root.parent / "whole")


@pytest.mark.slow
def test_resume_refuses_another_network_or_other_data(root, capsys):
    assert train.main(flags(root, "out", *INPAINTING, "--epochs", "1")) == 0
    other = [*INPAINTING, "--latent_channels", "8"]
    assert train.main(flags(root, "out", *other, "--resume", "auto")) == 1
    assert "--resume: deepfillv2_G: latent_channels was 4 and is 8;" in capsys.readouterr().err
    state = str(root.parent / "out" / "deepfillv2_state.pth")
    assert train.main(flags(root, "out", *SEGMENTATION, "--resume", state)) == 1
    assert "the state is of deepfillv2_G and deepfillv2_D, not of deeplabv3" in capsys.readouterr().err
    assert train.main(flags(root, "out", *INPAINTING, "--batch_size1", "3", "--resume", "auto")) == 1
    assert "batch was 2 and is 3" in capsys.readouterr().err
    missing = str(root / "nothing.pth")
    assert train.main(flags(root, "out", *INPAINTING, "--resume", missing)) == 1
    assert "no such file" in capsys.readouterr().err
    wrong = str(root.parent / "out" / "deepfillv2_G_epoch1_batchsize2.pth")
    assert train.main(flags(root, "out", *INPAINTING, "--resume", wrong)) == 1
    assert "is not a training state" in capsys.readouterr().err


def test_resuming_what_is_complete_does_nothing_and_says_so(root, capsys):
    for _ in range(2):
        assert train.main(flags(root, "out", *INPAINTING, "--epochs", "1", "--resume", "auto")) == 0
    assert "nothing left to do: 3 steps are done, --epochs 1 are 3; give more" in capsys.readouterr().out
    assert len(lines(root.parent / "out")) == 3


def test_batch_that_cannot_be_shared_is_refused_before_processes_start(root, capsys):
    assert train.main(flags(root, "out", *INPAINTING, "--multi_gpu", "True", "--gpu_ids", "0,1,2")) == 1
    assert "a batch of 2 cannot be shared by 3 processes" in capsys.readouterr().err


def test_several_gpus_where_there_is_none_are_refused_instead_of_a_slow_training(root, capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert train.main([*flags(root, "out", *INPAINTING, "--multi_gpu", "True"), "--device", "auto"]) == 1
    assert "--multi_gpu True: PyTorch finds no GPU here; --device cpu starts" in capsys.readouterr().err


def test_bad_data_stops_before_anything_is_written(root, capsys):
    with (root / "train_data_1" / "annotation.txt").open("a") as file:
        file.write("clean0.png covered0.png\n")
    assert train.main(flags(root, "out", *INPAINTING)) == 1
    printed = capsys.readouterr()
    assert re.search(r"annotation.txt:7: expected three columns", printed.err) and "Traceback" not in printed.err
    assert not (root.parent / "out").exists()


@pytest.mark.slow
def test_a_training_begun_anew_keeps_the_state_of_the_earlier_one(root, capsys):
    out = root.parent / "out"
    assert train.main(flags(root, "out", *INPAINTING, "--epochs", "1")) == 0
    earlier = (out / "deepfillv2_state.pth").read_bytes()
    assert train.main(flags(root, "out", *INPAINTING, "--epochs", "2")) == 0
    assert "is of an earlier training, kept as deepfillv2_state_before.pth" in capsys.readouterr().out
    assert (out / "deepfillv2_state_before.pth").read_bytes() == earlier
    assert (out / "deepfillv2_state.pth").read_bytes() != earlier


@pytest.mark.slow
def test_a_training_begun_anew_keeps_the_best_weights_of_the_earlier_one(root):
    judged, best = ("--val_fraction", "0.34"), root.parent / "out" / "deepfillv2_G_best.pth"
    assert train.main(flags(root, "out", *INPAINTING, *judged, "--epochs", "1")) == 0
    earlier = best.read_bytes()
    assert train.main(flags(root, "out", *INPAINTING, *judged, "--epochs", "2", "--resume", "auto", "--seed", "0")) == 0
    resumed = best.read_bytes()
    assert not best.with_stem("deepfillv2_G_best_before").exists()
    assert train.main(flags(root, "out", *INPAINTING, *judged, "--epochs", "1", "--lr_g", "0.01")) == 0
    assert best.with_stem("deepfillv2_G_best_before").read_bytes() == resumed
    assert best.read_bytes() != earlier


def test_loss_that_is_not_finite_stops_with_step_and_every_loss(root, capsys):
    assert train.main(flags(root, "out", *INPAINTING, *FLOAT32, "--lr_g", "1e38", "--epochs", "1")) == 1
    message = capsys.readouterr().err
    assert re.search(r"step 2: a loss is not finite: loss_D = .*first_L1 = .*second_L1 = .*loss_GAN = ", message)
    assert "Nothing is saved yet: start anew" in message and "--resume" not in message
    assert not list((root.parent / "out").glob("*.pth"))


@pytest.mark.slow
def test_after_a_loss_that_is_not_finite_a_saved_training_can_go_on(root, capsys):
    assert train.main(flags(root, "out", *INPAINTING, *FLOAT32, "--epochs", "1")) == 0
    wild = flags(root, "out", *INPAINTING, *FLOAT32, "--epochs", "2", "--resume", "auto", "--lr_g", "1e38")
    assert train.main(wild) == 1
    assert "Go on from the last checkpoint (--resume auto) with lower learning rates" in capsys.readouterr().err
    assert train.main([*wild[:-1], "1e-4"]) == 0


def test_batch_too_large_for_the_gpu_says_which_flag_to_lower(root, monkeypatch, capsys):
    from models.tasks import InpaintingTask

    def full(*_):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has …")

    monkeypatch.setattr(InpaintingTask, "step", full)
    assert train.main(flags(root, "out", *INPAINTING, "--epochs", "1")) == 1
    said = capsys.readouterr().err
    assert "train.py: --batch_size1 2 is too much for this GPU, take fewer (CUDA out of memory)" in said


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--imgsize", "1500"], "--imgsize 1500: must be a multiple"),
        (["--ema", "1"], "--ema 1.0: must be at least 0 and less than 1"),
        (["--lr_g", "0"], "--lr_g 0.0: must be above 0"),
        (["--root_weights", "1", "2"], "--root_weights: expected 1 numbers"),
        (["--class_weights", "1"], "--class_weights: 1 numbers for --out_c 2"),
        (["--seg_height", "100"], "--seg_height 100: must be a multiple of 16"),
        (["--train_model", "deeplabv3", "--batch_size2", "1"], "--batch_size2 1: batch norm needs 2"),
        (["--train_model", "deeplabv3", "--overfit", "1"], "one sample: batch norm needs 2"),
        (["--in_channels", "5"], "--in_channels 5 --out_channels 3: pictures have 3 channels"),
        (["--in_channels", "8"], "--in_channels 8 is for roots lifelike:DATA_DIR alone"),
        (["--inpaint_crop", "30"], "--inpaint_crop 30: must be a multiple of 4 and at most 256"),
        (["--inpaint_crop", "64"], "--inpaint_crop is for roots lifelike:DATA_DIR alone"),
        (["--device", "abacus"], "--device abacus: must be auto, cpu, cuda"),
        (["--baseroot", "nowhere"], "--baseroot nowhere: no such folder"),
        (
            ["--deepfillv2_generator_pretrain", "nowhere.pth"],
            "--deepfillv2_generator_pretrain nowhere.pth: no such file",
        ),
        (["--resume", "nowhere.pth", "--baseroot", "nowhere"], "--resume nowhere.pth: no such file"),
        (["--augment", "--augment_data_path", "nowhere"], "--augment_data_path nowhere: no such folder"),
    ],
)
def test_flag_out_of_range_is_one_clear_line(root, given, message, capsys):
    assert train.main(flags(root, "out", *given)) == 1
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def test_missing_folder_names_what_needs_no_pictures(root, capsys):
    assert train.main(flags(root, "out", "--baseroot", "nowhere")) == 1
    assert "or --baseroot synthetic, which draws samples" in capsys.readouterr().err


def test_settings_are_shown_as_what_differs_from_the_defaults_and_stored_whole(root, capsys):
    assert train.main(flags(root, "out", *INPAINTING, "--augmentations", "flip", "light", "--epochs", "1")) == 0
    (shown,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("settings: ")]
    assert "--latent_channels 4 " in shown and "--augmentations flip light" in shown and "--lr_g" not in shown
    (stored,) = lines(root.parent / "out", "settings")
    assert stored["lr_g"] == 1e-4 and stored["latent_channels"] == 4


def test_switch_takes_only_true_or_false(root):
    with pytest.raises(SystemExit):
        train.main(["--autocast", "maybe"])
    assert train.build_parser().parse_args(["--autocast", "False"]).autocast is False


def test_clean_crops_join_the_training(root):
    crops = root.parent / "crops"
    crops.mkdir()
    for number in range(4):
        cv2.imwrite(str(crops / f"{number}.png"), np.full((40, 40, 3), 200, np.uint8))
    more = [
        "--augment",
        "True",
        "--augment_data_path",
        str(crops),
        "--bbox_shape",
        "8",
        "--margin",
        "2",
        "--mask_type",
        "bbox",
    ]
    assert train.main(flags(root, "out", *INPAINTING, *more, "--epochs", "1")) == 0
    assert len(lines(root.parent / "out")) == 5  # 6 + 4 samples in batches of 2


@pytest.mark.slow
def test_roots_and_drawn_samples_mix_in_the_given_shares(root):
    more = [
        "--baseroot",
        str(root),
        "synthetic",
        "--root_weights",
        "1",
        "3",
        "--samples_per_epoch",
        "8",
        "--epochs",
        "1",
    ]
    assert train.main([*flags(root, "out"), *INPAINTING, *more, "--val_fraction", "0.2", "--val_samples", "2"]) == 0
    assert len(lines(root.parent / "out")) == 4
    assert len(lines(root.parent / "out", "validation")) == 1


@pytest.mark.slow
def test_picture_that_goes_bad_while_training_is_named_and_the_run_goes_on(root, monkeypatch, capsys):
    from datasets import contest, mixture

    monkeypatch.setattr(mixture, "MAX_BAD_SHARE", 0.2)
    decode = contest.InpaintingData.decode

    def broken(self, triple):
        if triple.line == 4:
            raise ValueError("cannot decode 'clean3.png'")
        return decode(self, triple)

    monkeypatch.setattr(contest.InpaintingData, "decode", broken)
    assert train.main(flags(root, "out", *INPAINTING, "--epochs", "2", "--cache", "False")) == 0
    said = capsys.readouterr().out
    assert said.count("annotation.txt:4: cannot decode 'clean3.png'") == 1 and "bad samples skipped: 1" in said
    (line,) = lines(root.parent / "out", "skipped")
    assert "clean3.png" in line["text"]
    monkeypatch.setattr(mixture, "MAX_BAD_SHARE", 0.01)
    assert train.main(flags(root, "out", *INPAINTING, "--epochs", "2", "--cache", "False")) == 1
    assert "1 bad samples are more than 1% of the data" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "1"])
def test_held_out_picture_that_goes_bad_is_skipped_and_costs_no_epoch(root, workers, monkeypatch, capsys):
    from datasets import contest, mixture

    monkeypatch.setattr(mixture, "MAX_BAD_SHARE", 0.2)
    judged = write_root(root.parent / "judged", count=3)
    decode = contest.InpaintingData.decode

    def broken(self, triple):
        if triple.clean.is_relative_to(judged) and triple.line == 1:
            raise ValueError("cannot decode 'clean0.png'")
        return decode(self, triple)

    monkeypatch.setattr(contest.InpaintingData, "decode", broken)
    more = ["--cache", "False", "--val_root", str(judged), "--epochs", "2", "--num_workers", workers]
    assert train.main(flags(root, "out", *INPAINTING, *more)) == 0
    said = capsys.readouterr().out
    assert said.count("annotation.txt:1: cannot decode 'clean0.png'") == 1 and "bad samples skipped: 1" in said
    assert len(lines(root.parent / "out", "validation")) == 2


def test_bad_pictures_that_only_another_process_meets_are_named_too(root, monkeypatch, capsys):
    from models import distributed

    monkeypatch.setattr(distributed, "rank", lambda: 1)
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setenv("RANK", "1")
    for picture in (root / "train_data_1").glob("clean*.png"):
        picture.write_bytes(b"?")
    assert train.main(flags(root, "out", *INPAINTING, "--epochs", "1")) == 1
    assert "train.py: process 1: too many bad samples in a row:" in capsys.readouterr().err


@pytest.mark.slow
def test_training_goes_on_from_given_weights(root, capsys):
    assert train.main(flags(root, "first", *INPAINTING, "--epochs", "1")) == 0
    weights = root.parent / "first" / "deepfillv2_G_epoch1_batchsize2.pth"
    more = ["--deepfillv2_generator_pretrain", str(weights), "--epochs", "1", "--lr_g", "1e-12"]
    assert train.main(flags(root, "second", *INPAINTING, *more)) == 0
    assert re.search(r"(\d+) of \1 entries loaded", capsys.readouterr().out)
    before, after = (
        checkpoint.load_generator(root.parent / out / weights.name)[0].state_dict() for out in ("first", "second")
    )
    torch.testing.assert_close(after["coarse.2.conv2d.weight"], before["coarse.2.conv2d.weight"])


@pytest.mark.slow
def test_overfit_passes_on_good_data_and_fails_where_nothing_can_be_learnt(root, monkeypatch, capsys):
    monkeypatch.setattr(overfit, "GOAL", 0.5)
    assert train.main(flags(root, "out", *INPAINTING, "--overfit", "2")) == 0
    assert "passed: 2 samples learnt, second_L1" in capsys.readouterr().out
    monkeypatch.setattr(overfit, "OVERFIT_SECONDS", 0.5)
    monkeypatch.setattr(overfit, "LEAST_STEPS", 1)
    monkeypatch.setattr(overfit, "RATE", 1e-9)
    assert train.main(flags(root, "out", *INPAINTING, "--overfit", "2")) == 1
    assert "failed: after" in capsys.readouterr().out
    monkeypatch.setattr(overfit, "LEAST_STEPS", 10**6)
    assert train.main(flags(root, "out", *INPAINTING, "--overfit", "2")) == 1
    undecided = capsys.readouterr().out
    assert "undecided: " in undecided and "--imgsize 384" in undecided and "failed" not in undecided
    assert not (root.parent / "out").exists()


def torchrun(root: Path, out: str, processes: int, *more: str) -> subprocess.CompletedProcess:
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc_per_node={processes}",
        "train.py",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *flags(root, out, *more)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.mark.slow
def test_torchrun_trains_in_two_processes_as_in_one_and_multi_gpu_starts_it(root):
    more = [*INPAINTING, *FLOAT32, "--epochs", "1", "--lambda_gan", "0", "--lr_g", "1e-5", "--val_root", str(root)]
    assert train.main(flags(root, "one", *more)) == 0
    command = [sys.executable, "train.py", *flags(root, "two", *more), "--multi_gpu", "True", "--gpu_ids", "0,1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=100)
    assert result.returncode == 0, result.stderr
    assert "2 × cpu" in result.stdout
    one, two = losses(root.parent / "one"), losses(root.parent / "two")
    assert len(one) == len(two) == 3
    for alone, together in zip(one, two, strict=True):
        assert together[2] is None and together[3:5] == pytest.approx(alone[3:5], rel=1e-4)
    scores = [lines(root.parent / out, "validation")[0]["psnr"] for out in ("one", "two")]
    assert scores[1] == pytest.approx(scores[0], abs=0.05)
    assert len(list((root.parent / "two").glob("*.pth"))) == 3  # G of the epoch, best G, the state: one process writes


@pytest.mark.slow
def test_dead_process_ends_the_run_with_an_error_instead_of_hanging(root):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "train.py"]
    endless = flags(root, "out", *INPAINTING, *FLOAT32, "--epochs", "100000", "--lambda_gan", "0")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, *endless], cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        log, until = root.parent / "out" / "deepfillv2_log.jsonl", time.monotonic() + 60
        while not (log.exists() and log.read_text().count("train") > 3):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
        os.kill(int(children.stdout.split()[-1]), signal.SIGKILL)
        assert process.wait(timeout=60) != 0
    finally:
        process.kill()


@pytest.mark.slow
def test_generator_trains_on_lifelike_crops_with_guidance_and_says_so_in_its_spec(tmp_path):
    data = write_collection(tmp_path / "data")
    command = ["--crops", "hole", "--in_channels", "8", "--imgsize", "128", "--inpaint_crop", "48"]
    command += ["--samples_per_epoch", "4", "--known_weight", "1", "--rim_px", "3", "--epochs", "1"]
    root = [f"lifelike:{data}", "--val_root", f"lifelike:{data}", "--val_samples", "2"]
    given = [*flags(tmp_path / "train", "out", *INPAINTING, *FLOAT32, *command), "--baseroot", *root]
    assert train.main(given) == 0
    _, spec = checkpoint.load_generator(next((tmp_path / "out").glob("deepfillv2_G_*.pth")))
    assert spec.in_channels == 8 and spec.follows_hole and spec.input_height == 64
    _, other = checkpoint.load_discriminator(next((tmp_path / "out").glob("deepfillv2_D_*.pth")))
    assert other.in_channels == 4
