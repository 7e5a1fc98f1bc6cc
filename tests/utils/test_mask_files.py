import cv2
import numpy as np
import pytest
from PIL import Image

from tests.utils.test_originals import Remover, photo
from utils.folder import clean_folder
from utils.mask_files import MaskFolder, doubts, has_two_levels, read_mask_file, without_suffix
from utils.places import FolderOptions, find_photos

HEIGHT, WIDTH = 240, 200
SHAPE = np.zeros((HEIGHT, WIDTH), bool)
SHAPE[60:140, 90:] = True


def page(seed=0, white=235):
    """A photographed page: uneven light, noise, letters."""
    rng = np.random.default_rng(seed)
    light = np.linspace(white - 60, white, WIDTH)[None, :, None] * np.linspace(1, 0.8, HEIGHT)[:, None, None]
    image = np.broadcast_to(light, (HEIGHT, WIDTH, 3)) + rng.normal(0, 3, (HEIGHT, WIDTH, 3))
    image = image.clip(0, 255).astype(np.uint8)
    for y in range(20, HEIGHT, 24):
        cv2.putText(image, str(rng.integers(10**9)), (15, y), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (30, 30, 40))
    return image


def save(path, pixels, *parameters):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels, list(parameters))
    return path


def soft(shape, px, level=255):
    return cv2.blur(shape * np.float32(level), (px, px)).astype(np.uint8)


def voc(path):
    """Indices 0, 1, 15 and 255 for the border, as VOC's palette shows them."""
    indices = SHAPE * np.uint8(15)
    indices[60:80, 90:] = 1
    indices[SHAPE & ~cv2.erode(SHAPE.astype(np.uint8), np.ones((3, 3), np.uint8)).view(bool)] = 255
    picture = Image.fromarray(indices)
    picture.putpalette([0, 0, 0, 128, 0, 0, *[0] * 39, 192, 128, 128, *[0] * 717, 224, 224, 192])
    picture.save(path)


BLACK = np.zeros((HEIGHT, WIDTH), np.uint8)
FULL = np.full_like(BLACK, 255)
ON = SHAPE * np.uint8(255)
KINDS = {
    "white": ON,
    "contest": SHAPE * np.uint8(128),
    "ones": SHAPE * np.uint8(1),
    "16 bit ones": SHAPE * np.uint16(1),
    "16 bit hundreds": SHAPE * np.uint16(100),
    "16 bit thousands": SHAPE * np.uint16(1000),
    "16 bit white": SHAPE * np.uint16(65535),
    "16 bit contest": SHAPE * np.uint16(128 * 257),
    "numbers of things": SHAPE * np.uint8(1) + (SHAPE & (np.arange(WIDTH) > 150)),
    "greys of things": SHAPE * np.uint8(100) + (SHAPE & (np.arange(WIDTH) > 150)) * np.uint8(60),
    "red": np.dstack([BLACK, BLACK, ON]),
    "blue and green": np.dstack([SHAPE * (np.arange(WIDTH) > 150) * np.uint8(250), ON // 2, BLACK]),
    "shape in alpha, white": np.dstack([FULL, FULL, FULL, ON]),
    "shape in alpha, black": np.dstack([BLACK, BLACK, BLACK, ON]),
    "shape in 16 bit alpha": np.dstack([FULL, FULL, FULL, ON]).astype(np.uint16) * 257,
    "white with full alpha": np.dstack([ON, ON, ON, FULL]),
    "labels": np.where(SHAPE, np.where(np.arange(WIDTH) > 150, 192, 128), (np.arange(WIDTH) > 180) * 64).astype("u1"),
}


@pytest.mark.parametrize("kind", [*KINDS, "voc", "1 bit", "2 bit of 4", "grey palette"])
def test_a_mask_covers_the_same_in_every_kind(tmp_path, kind):
    path = tmp_path / "mask.png"
    if kind == "voc":
        voc(path)
    elif kind == "1 bit":
        Image.fromarray(SHAPE).save(path)
    elif kind == "2 bit of 4":
        Image.fromarray(SHAPE * np.uint8(1)).save(path, bits=2)
    elif kind == "grey palette":
        picture = Image.fromarray(SHAPE * np.uint8(1))
        picture.putpalette([0, 0, 0, 255, 255, 255])
        picture.save(path)
    else:
        save(path, KINDS[kind])
    assert (read_mask_file(path).covered() == SHAPE).all()
    if kind != "greys of things":  # which a training root may hold as soft edges
        assert (read_mask_file(path, strict=False).covered() == SHAPE).all()


@pytest.mark.parametrize("px", [2, 5])
@pytest.mark.parametrize("level", [255, 128, 100])
def test_a_soft_edge_is_soft_in_the_levels(tmp_path, px, level):
    file = read_mask_file(save(tmp_path / "mask.png", soft(SHAPE, px, level)))
    assert len(np.unique(file.levels)) > 2
    inner = cv2.erode(SHAPE.astype(np.uint8), np.ones((9, 9), np.uint8)).view(bool)
    assert (
        file.covered()[inner].all()
        and not file.covered()[~cv2.dilate(SHAPE.view("u1"), np.ones((9, 9))).view(bool)].any()
    )


@pytest.mark.parametrize("quality", [60, 75, 95])
def test_a_mask_saved_as_jpeg_is_one(tmp_path, quality):
    file = read_mask_file(save(tmp_path / "mask.jpg", ON, cv2.IMWRITE_JPEG_QUALITY, quality))
    assert np.count_nonzero(file.covered() != SHAPE) < 20


def test_a_black_mask_covers_nothing_and_unknown_is_left_open(tmp_path):
    assert not read_mask_file(save(tmp_path / "black.png", BLACK)).covered().any()
    assert not read_mask_file(save(tmp_path / "black.jpg", BLACK)).covered().any()
    labels = np.where(SHAPE, 255, 64).astype(np.uint8)
    file = read_mask_file(save(tmp_path / "labels.png", labels))
    assert not file.covered().any() and (file.unknown() == SHAPE).all()
    assert not read_mask_file(save(tmp_path / "white.png", ON)).unknown().any()


@pytest.mark.parametrize("white", [180, 235])
@pytest.mark.parametrize("extension", [".png", ".jpg"])
def test_a_photo_is_no_mask(tmp_path, white, extension):
    path = save(tmp_path / f"page{extension}", page(white=white))
    with pytest.raises(ValueError, match="looks like a photo and not like a mask"):
        read_mask_file(path)
    read_mask_file(path, strict=False)


def test_a_colour_mask_that_is_nowhere_black_is_its_green_channel(tmp_path):
    path = save(tmp_path / "mask.png", np.dstack([np.full_like(ON, 255), ON // 2, np.full_like(ON, 99)]))
    assert (read_mask_file(path).covered(100) == SHAPE).all()


def test_two_levels_are_told_from_many():
    assert has_two_levels(ON) and has_two_levels(BLACK) and has_two_levels(soft(SHAPE, 5))
    assert not has_two_levels(page()[:, :, 1])
    plaster = np.random.default_rng(0).normal(190, 2, (HEIGHT, WIDTH)).clip(0, 255).astype(np.uint8)
    assert not has_two_levels(plaster)
    ramp = np.broadcast_to(np.arange(WIDTH, dtype=np.uint8), (HEIGHT, WIDTH))
    assert not has_two_levels(np.ascontiguousarray(ramp))


@pytest.mark.parametrize(
    ("stem", "plain"),
    [("page_mask", "page"), ("page-Mask", "page"), ("page", "page"), ("page.jpg_mask", "page.jpg"), ("_mask", "_mask")],
)
def test_suffixes_of_masks_are_understood(stem, plain):
    assert without_suffix(stem) == plain


def mask_of(tmp_path, name="page.jpg", image=None):
    path = tmp_path / "photos" / name
    image = page() if image is None else image
    if not path.exists():
        save(path, image)
    return MaskFolder(tmp_path / "masks").read(path, path.relative_to(tmp_path / "photos"), image)


@pytest.mark.parametrize("name", ["page.png", "page.jpg.png", "page_mask.png", "page-mask.tif", "page.jpg_mask.png"])
def test_a_mask_is_found_by_its_photos_name(tmp_path, name):
    save(tmp_path / "masks" / name, ON)
    mask, (path,) = mask_of(tmp_path)
    assert (mask == SHAPE).all() and path.name == name


def test_the_photo_itself_is_never_its_mask(tmp_path):
    scan = (page()[:, :, 1] > 120) * np.uint8(255)  # two levels, as a mask has
    for image, reason in ((page(), "looks like a photo"), (scan, "is the photo itself")):
        save(tmp_path / "photos" / "page.jpg", image)
        save(tmp_path / "masks" / "page.png", image)
        with pytest.raises(ValueError, match=f"'page.png' {reason}"):
            mask_of(tmp_path, image=cv2.imread(str(tmp_path / "photos" / "page.jpg")))


def test_a_copy_of_the_photo_does_not_hide_the_mask_beside_it(tmp_path):
    save(tmp_path / "masks" / "page.png", page())
    save(tmp_path / "masks" / "page_mask.png", ON)
    assert (mask_of(tmp_path)[0] == SHAPE).all()


def test_masks_that_differ_are_an_error_that_names_both(tmp_path):
    save(tmp_path / "masks" / "page.png", ON)
    save(tmp_path / "masks" / "page_mask.png", 255 - ON)
    with pytest.raises(ValueError, match=r"'page(_mask)?\.png' and 'page(_mask)?\.png' say different things"):
        mask_of(tmp_path)
    save(tmp_path / "masks" / "page_mask.png", ON // 255)
    assert (mask_of(tmp_path)[0] == SHAPE).all()


def test_a_mask_that_covers_most_or_is_inverted_says_so():
    assert doubts(SHAPE) == ""
    assert doubts(~SHAPE).startswith("the mask looks inverted and covers 82% of the photo")
    large = np.zeros_like(SHAPE)
    large[20:, 20:] = True
    assert doubts(large).startswith("the mask covers 82% of the photo")


def test_masks_among_the_photos_are_used_and_are_no_photos(tmp_path, capsys):
    source = tmp_path / "photos"
    for name in ("a.jpg", "b.jpg", "c.png"):
        save(source / name, page())
    save(source / "a_mask.png", ON)
    save(source / "b.png", ON)
    save(source / "c.png.png", ON)
    options = FolderOptions(source, tmp_path / "out", mask_dir=source)
    options.save_dir.mkdir()
    counts = clean_folder(Remover(), find_photos(options)[0], options)
    assert counts == {"repaired": 3, "skipped": 3}
    assert "a_mask.png: skipped: the mask of another photo" in capsys.readouterr().out


def test_a_folder_of_photos_given_as_masks_wipes_nothing(tmp_path, capsys):
    source = tmp_path / "photos"
    photo(source / "a.png")
    save(source / "b.jpg", page())
    save(tmp_path / "copies" / "b.png", page())
    save(tmp_path / "copies" / "a.jpg", page())
    for folder in (source, tmp_path / "copies"):
        options = FolderOptions(source, tmp_path / "out", mask_dir=folder)
        options.save_dir.mkdir(exist_ok=True)
        assert clean_folder(Remover(), find_photos(options)[0], options) == {"failed": 2}
        assert not list(options.save_dir.iterdir())


def test_an_inverted_mask_is_named_in_the_line_and_in_the_report(tmp_path, capsys):
    save(tmp_path / "photos" / "a.jpg", page())
    save(tmp_path / "masks" / "a.png", 255 - ON)
    options = FolderOptions(tmp_path / "photos", tmp_path / "out", mask_dir=tmp_path / "masks", report=tmp_path / "r")
    options.save_dir.mkdir()
    assert clean_folder(Remover(), find_photos(options)[0], options) == {"repaired": 1}
    assert "the mask looks inverted" in capsys.readouterr().out
    assert "the mask looks inverted" in (tmp_path / "r").read_text()
