import ctypes
import sys

import cv2
import numpy as np
import pytest

from tests.utils.formats.repairs import FILES, PATCH, repair, repaired, save
from utils.formats import jpeg_blocks, jpeg_exact, jpeg_segments, turbojpeg
from utils.images import read_image, read_photo, write_photo

WRITE = jpeg_exact._written  # as it is before a test replaces it
YCC = sorted(n for n in FILES if n.endswith(".jpg") and n != "rgb.jpg")


@pytest.fixture(params=["turbojpeg", "jpeglib"])
def library(request, monkeypatch):
    """One of the libraries, as if the other were not there; jpeglib plays libturbojpeg where that is missing."""
    if request.param == "jpeglib" or not turbojpeg.is_installed():
        pytest.importorskip("jpeglib")
    if request.param == "turbojpeg" and not turbojpeg.is_installed():
        monkeypatch.setattr(turbojpeg, "rewritten", rewritten_by_jpeglib)
    monkeypatch.setattr(turbojpeg, "is_installed", lambda: request.param == "turbojpeg")
    monkeypatch.setattr(jpeg_exact, "has_jpeglib", lambda: request.param == "jpeglib")


def rewritten_by_jpeglib(data, shapes, visit, options=turbojpeg.COPY_NO_MARKERS):
    detail, planes = jpeg_segments.read(data), coefficients(data)
    assert [plane.shape[:2] for plane in planes] == shapes
    for component, plane in enumerate(planes):
        for row, values in enumerate(plane):
            visit(component, row, values)
    if options == turbojpeg.NO_OUTPUT:
        return b""
    return jpeg_segments.with_identifiers(WRITE(planes, detail), detail.components)


@pytest.fixture
def no_library(monkeypatch):
    monkeypatch.setattr(turbojpeg, "is_installed", lambda: False)
    monkeypatch.setattr(jpeg_exact, "has_jpeglib", lambda: False)


def coefficients(data):
    """Of each component, `(rows, columns, 64)`, by the package jpeglib."""
    planes = jpeg_exact._planes(jpeg_segments.read(data))
    jpeg_exact._read(data, planes)
    return planes


def test_without_a_library_exact_says_what_to_install_and_auto_encodes_anew(tmp_path, no_library):
    with pytest.raises(ValueError, match=r"^cannot write 'repaired_420.jpg': .*pip install jpeglib"):
        repaired(save(tmp_path, "420.jpg"), jpeg="exact")
    repaired(save(tmp_path, "420.jpg"), jpeg="auto")


@pytest.mark.parametrize("name", YCC)
def test_exact_copies_every_untouched_block(tmp_path, name, library):
    pytest.importorskip("jpeglib")
    photo, again, target = repaired(save(tmp_path, name), jpeg="exact", mark="text")
    components = photo.header.detail.components
    wide, high = (8 * max(getattr(c, n) for c in components) for n in ("horizontal", "vertical"))
    rows, columns = (slice(p.start // s, (p.stop - 1) // s + 1) for p, s in zip(PATCH, (high, wide), strict=True))
    before, after = coefficients(photo.data), coefficients(target.read_bytes())
    for first, second, component in zip(before, after, components, strict=True):
        touched = np.zeros(first.shape[:2], bool)
        touched[
            rows.start * component.vertical : rows.stop * component.vertical,
            columns.start * component.horizontal : columns.stop * component.horizontal,
        ] = True
        assert np.array_equal(first[~touched], second[~touched])
        assert not np.array_equal(first[touched], second[touched])
    assert [c.identifier for c in components] == [c.identifier for c in again.header.detail.components]
    assert np.abs(again.image[PATCH].astype(int) - repair(photo)[0][PATCH]).mean() < (60 if "grey" in name else 12)


@pytest.mark.parametrize("name", YCC)
def test_both_libraries_write_the_same_coefficients(tmp_path, name, monkeypatch):
    pytest.importorskip("jpeglib")
    if not turbojpeg.is_installed():
        pytest.skip("libturbojpeg is not installed")
    written = []
    for is_installed in (True, False):
        monkeypatch.setattr(turbojpeg, "is_installed", lambda value=is_installed: value)
        written.append(coefficients(repaired(save(tmp_path, name), jpeg="exact")[2].read_bytes()))
    assert all(np.array_equal(a, b) for a, b in zip(*written, strict=True))


def test_nothing_changed_keeps_every_coefficient(tmp_path, library):
    pytest.importorskip("jpeglib")
    photo = read_photo(save(tmp_path, "420.jpg"))
    write_photo(tmp_path / "out.jpg", photo, photo.image, jpeg="exact")
    written = coefficients((tmp_path / "out.jpg").read_bytes())
    assert all(np.array_equal(a, b) for a, b in zip(coefficients(photo.data), written, strict=True))


def test_blocks_are_as_close_to_the_repair_as_those_of_libjpeg(tmp_path, library):
    photo = read_photo(save(tmp_path, "420.jpg"))
    image = cv2.GaussianBlur(photo.image[::-1], (0, 0), 2)
    errors = {}
    for method in ("exact", "match"):
        write_photo(tmp_path / "out.jpg", photo, image, jpeg=method)
        errors[method] = np.abs(read_image(tmp_path / "out.jpg").astype(int) - image).mean()
    assert errors["exact"] < 1.05 * errors["match"] + 0.05


def test_tables_of_any_numbers_are_kept(tmp_path, library):
    data = FILES["420.jpg"]
    table, frame = data.index(b"\xff\xdb\x00\x43\x01"), data.index(b"\xff\xc0")
    numbered = bytearray(data)
    numbered[table + 4] = 3
    for component in (1, 2):
        assert numbered[frame + 12 + 3 * component] == 1
        numbered[frame + 12 + 3 * component] = 3
    photo, again, _ = repaired(save(tmp_path, "x.jpg", bytes(numbered)), jpeg="exact")
    tables = [p.header.detail.tables_of_components() for p in (photo, again)]
    assert tables[0] == tables[1] and tables[0][0] != tables[0][1]


@pytest.fixture
def spoiled(library, monkeypatch):
    """A library that writes one coefficient of one untouched block wrong."""
    write, rewrite = jpeg_exact._written, turbojpeg.rewritten

    def spoil(planes, detail):
        planes[0][1, 1, 27] += 1
        try:
            return write(planes, detail)
        finally:
            planes[0][1, 1, 27] -= 1

    def spoil_row(data, shapes, visit, *options):
        def visit_and_spoil(component, row, values):
            visit(component, row, values)
            if not options and (component, row) == (0, 1):
                values[1, 27] += 1

        return rewrite(data, shapes, visit_and_spoil, *options)

    monkeypatch.setattr(jpeg_exact, "_written", spoil)
    monkeypatch.setattr(turbojpeg, "rewritten", spoil_row)


def test_a_wrong_coefficient_is_found_before_the_file_takes_its_place(tmp_path, spoiled):
    path = save(tmp_path, "420.jpg")
    with pytest.raises(ValueError, match=r"^cannot write 'repaired_420.jpg': the check failed"):
        repaired(path, jpeg="exact")
    assert not path.with_name("repaired_420.jpg").exists()
    repaired(path, jpeg="auto")  # encodes anew


@pytest.mark.parametrize("damage", [lambda d: d[:-300] + b"\xff\xd9", lambda d: d[:-2], lambda d: b""])
def test_a_damaged_file_of_a_library_is_found(tmp_path, library, monkeypatch, damage, capfd):
    write, rewrite = jpeg_exact._written, turbojpeg.rewritten
    monkeypatch.setattr(jpeg_exact, "_written", lambda *given: damage(write(*given)))
    monkeypatch.setattr(
        turbojpeg, "rewritten", lambda *given: damage(rewrite(*given)) if len(given) == 3 else rewrite(*given)
    )
    path = save(tmp_path, "420.jpg")
    with pytest.raises(ValueError, match=r"^cannot write 'repaired_420.jpg': "):
        repaired(path, jpeg="exact")
    assert not path.with_name("repaired_420.jpg").exists()
    assert capfd.readouterr() == ("", "")


def test_where_one_library_fails_the_other_writes(tmp_path, monkeypatch):
    pytest.importorskip("jpeglib")

    def fail(*given):
        raise ValueError("libturbojpeg cannot rewrite it")

    monkeypatch.setattr(turbojpeg, "is_installed", lambda: True)
    monkeypatch.setattr(turbojpeg, "rewritten", fail)
    photo, again, _ = repaired(save(tmp_path, "420.jpg"), jpeg="exact")
    assert np.array_equal(photo.image[:14], again.image[:14])  # chroma is blended across the next two rows


def test_another_version_of_jpeglib_is_an_error_in_words(tmp_path, monkeypatch):
    bind = pytest.importorskip("jpeglib._bind")
    monkeypatch.setattr(turbojpeg, "is_installed", lambda: False)
    monkeypatch.setattr(bind.CJpegLib, "read_jpeg_dct", lambda path: None)
    with pytest.raises(ValueError, match=r"^cannot write 'repaired_420.jpg': jpeglib cannot write it"):
        repaired(save(tmp_path, "420.jpg"), jpeg="exact")


def test_exact_refuses_rgb_and_auto_falls_back(tmp_path, monkeypatch):
    monkeypatch.setattr(jpeg_exact, "has_jpeglib", lambda: True)
    path = save(tmp_path, "rgb.jpg")
    with pytest.raises(ValueError, match="stored as RGB"):
        repaired(path, jpeg="exact")
    repaired(path, jpeg="auto")


def test_jpeglib_that_does_not_load_counts_as_missing(tmp_path, monkeypatch):
    broken = tmp_path / "jpeglib"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('libjpeg.so.9: cannot open shared object file')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "jpeglib", raising=False)
    jpeg_exact.has_jpeglib.cache_clear()
    assert not jpeg_exact.has_jpeglib()
    jpeg_exact.has_jpeglib.cache_clear()


def test_a_library_of_that_name_with_other_functions_counts_as_missing(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    turbojpeg._library.cache_clear()
    assert turbojpeg._library() is None
    turbojpeg._library.cache_clear()


def test_an_error_in_a_visit_comes_out_as_it_is():
    if not turbojpeg.is_installed():
        pytest.skip("libturbojpeg is not installed")
    shapes = jpeg_segments.read(FILES["420.jpg"]).plane_shapes()
    with pytest.raises(ZeroDivisionError):
        turbojpeg.rewritten(FILES["420.jpg"], shapes, lambda *given: 1 / 0)
    with pytest.raises(ValueError, match="sees another picture"):
        turbojpeg.rewritten(FILES["420.jpg"], [(rows, columns - 1) for rows, columns in shapes], lambda *given: None)


def test_touched_mcus_hold_a_changed_pixel():
    changed = np.random.default_rng(0).random((37, 61)) < 0.003
    changed[36, 60] = True
    for high, wide in ((8, 8), (16, 16), (8, 32), (16, 24)):
        touched = jpeg_blocks.touched_mcus(changed, high, wide)
        assert touched.shape == (-(-37 // high), -(-61 // wide))
        for row, column in np.ndindex(*touched.shape):
            part = changed[row * high : (row + 1) * high, column * wide : (column + 1) * wide]
            assert touched[row, column] == part.any()


def test_blocks_are_the_quantised_dct_of_their_samples():
    image = np.random.default_rng(1).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    changed = np.zeros((24, 32), bool)
    changed[9, 17] = changed[23, 31] = True
    table = list(range(1, 65))
    (new,) = jpeg_blocks.new_blocks(image, changed, [jpeg_blocks.Component(1, 1, 1, 0)], [table])
    assert list(zip(new.rows, new.columns, strict=True)) == [(1, 2), (2, 3)]
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32) - 128
    for row, column, values in zip(new.rows, new.columns, new.values, strict=True):
        block = cv2.dct(grey[8 * row : 8 * row + 8, 8 * column : 8 * column + 8])
        assert np.abs(block / np.reshape(table, (8, 8)) - values.reshape(8, 8)).max() < 0.501


def test_blocks_outside_the_picture_are_left_out_and_its_edge_is_repeated():
    luma, chroma = jpeg_blocks.Component(1, 2, 2, 0), jpeg_blocks.Component(2, 1, 1, 0)
    image = np.full((20, 20, 3), 200, np.uint8)
    changed = np.ones((20, 20), bool)
    blocks = jpeg_blocks.new_blocks(image, changed, [luma, chroma, chroma], [[1] * 64] * 3)
    shapes = jpeg_blocks.plane_shapes(20, 20, [luma, chroma, chroma])
    assert shapes == [(3, 3), (2, 2), (2, 2)]
    for new, (rows, columns) in zip(blocks, shapes, strict=True):
        assert list(zip(new.rows, new.columns, strict=True)) == list(np.ndindex(rows, columns))
    assert (blocks[0].values[:, 0] == 8 * (200 - 128)).all() and not blocks[0].values[:, 1:].any()


def test_many_mcus_are_computed_in_parts(monkeypatch):
    image = np.random.default_rng(2).integers(0, 256, (61, 83, 3)).astype(np.uint8)
    changed = np.random.default_rng(3).random((61, 83)) < 0.01
    components = [jpeg_blocks.Component(n, *factors, 0) for n, factors in enumerate(((2, 1), (1, 1), (1, 1)))]
    at_once = jpeg_blocks.new_blocks(image, changed, components, [[3] * 64] * 3)
    monkeypatch.setattr(jpeg_blocks, "MCUS_AT_ONCE", 4)
    for one, other in zip(at_once, jpeg_blocks.new_blocks(image, changed, components, [[3] * 64] * 3), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))
