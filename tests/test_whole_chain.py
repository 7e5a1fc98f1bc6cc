"""From pictures to pictures through the command lines: train both networks for two steps, convert, predict."""

import cv2
import numpy as np
import pytest

import convert
import predict_onnx
import predict_single
import train
from tests.contest_root import write_root


@pytest.mark.slow
def test_what_was_trained_converts_and_predicts(tmp_path):
    root, weights = write_root(tmp_path / "train", count=4), tmp_path / "weights"
    common = ["--baseroot", str(root), "--save_path", str(weights), "--sample_path", str(tmp_path / "samples")]
    common += ["--cache_dir", str(tmp_path / "cache"), "--device", "cpu", "--num_workers", "0", "--epochs", "1"]
    assert train.main(["--train_model", "deeplabv3", "--batch_size2", "2", *common]) == 0
    inpainting = ["--latent_channels", "4", "--imgsize", "64", "--imgresize", "2", "--batch_size1", "2"]
    assert train.main(["--train_model", "deepfillv2", *inpainting, *common]) == 0

    (segmenter,) = weights.glob("deeplabv3_epoch*.pth")
    (generator,) = weights.glob("deepfillv2_G_epoch*.pth")
    checkpoints = ["--deeplabv3_pretrain", str(segmenter), "--deepfillv2_generator_pretrain", str(generator)]
    graphs = tmp_path / "s.onnx", tmp_path / "g.onnx"
    assert convert.main([*checkpoints, "--save_path1", str(graphs[0]), "--save_path2", str(graphs[1])]) == 0

    photos, target = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    cv2.imwrite(str(photos / "page.png"), np.random.default_rng(0).integers(0, 256, (200, 150, 3), np.uint8))
    folders = ["--src_image_dir", str(photos), "--save_dir", str(target), "--provider", "cpu", "--structure", "auto"]
    status = predict_onnx.main([*folders, "--deeplabv3_onnx", str(graphs[0]), "--deepfillv2_onnx", str(graphs[1])])
    assert status == 0
    assert cv2.imread(str(target / "page.png")).shape == (200, 150, 3)

    picture = tmp_path / "single.png"
    single = ["--image_path", str(photos / "page.png"), "--save_path", str(picture), "--device", "cpu", *checkpoints]
    assert predict_single.main(single) == 0
    assert cv2.imread(str(picture)).shape == (640, 1440, 3)
