"""How a repaired picture came about, in the IPTC's terms.

The IPTC defines (Digital Source Type NewsCodes, cv.iptc.org/newscodes/digitalsourcetype, as of October 2024):

- `algorithmicallyEnhanced`, "Algorithmically-altered media": "Modification or correction by algorithm without changing
  the main content of the media, initiated or configured by a human, such as sharpening or applying noise reduction".
- `compositeWithTrainedAlgorithmicMedia`, "Edited using Generative AI": "Augmentation, correction or enhancement using a
  Generative AI model, such as with inpainting or outpainting operations".

The second is right wherever the inpainting network drew; the first where page structure alone continued paper, rules
and textures that were measured beside the hole. What found the occluder generates nothing, and does not count.
"""

from collections.abc import Sequence

from utils.lost.regions import NETWORK, LostRegion

SOFTWARE = "occluder-removal"
VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
ALTERED = f"{VOCABULARY}algorithmicallyEnhanced"
GENERATED_IN_PART = f"{VOCABULARY}compositeWithTrainedAlgorithmicMedia"
# A picture that already states one of these stays what it says: part of it, or all, is generated.
STRONGER = tuple(f"{VOCABULARY}{term}" for term in ("trainedAlgorithmicMedia", "compositeSynthetic"))

# How what was left out of a file names a manifest: the chunk of PNG, the tag of TIFF.
MANIFESTS = ("C2PA", "caBX", "TIFF tag 52545")


def source_type(regions: Sequence[LostRegion]) -> tuple[str, tuple[str, ...]]:
    """The URI of the term for a repaired picture, and those of the terms that stay where it states one of them."""
    if any(NETWORK in region.made for region in regions):
        return GENERATED_IN_PART, STRONGER
    return ALTERED, (*STRONGER, GENERATED_IN_PART)


def about_dropped(dropped: Sequence[str], signer: object | None) -> str:
    """What to say of a photo whose C2PA manifest went, since it no longer fits; nothing where there was none."""
    if signer is not None or not any(place in name for name in dropped for place in MANIFESTS):
        return ""
    return "its C2PA manifest was dropped, for it signs the photo as it was"
