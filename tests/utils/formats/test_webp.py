from tests.utils.formats import samples
from tests.utils.formats.repairs import opened, repaired, save


def test_icc_exif_and_xmp_of_webp_are_kept(tmp_path):
    _, _, target = repaired(save(tmp_path, "lossy.webp"))
    after = opened(target)
    assert after.info["icc_profile"] == samples.ICC and after.info["xmp"] == samples.XMP
    assert after.getexif()[271] == "A maker"
