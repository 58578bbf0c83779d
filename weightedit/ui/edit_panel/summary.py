"""What an edit does in one line, beside the title of its panel."""

from __future__ import annotations

from weightedit.core.edits.preview import Preview
from weightedit.core.words.numbers import count_text, percent_text, shape_text


def summary(preview: Preview, effect: str) -> str:
    """Return what the edit does in one line: `9,204 of 393,216 values change, 2.34 %`."""
    if any(hazard.level == "refusal" for hazard in preview.hazards):
        return "cannot be applied"
    before, after = preview.spec_before, preview.spec_after
    if (before is None or after is None or effect == "share") and not preview.hazards:
        return "; ".join(preview.lines)
    slots = f"{len(preview.targets)} slot{'s' if len(preview.targets) > 1 else ''}"
    if before is None or after is None or effect == "share":
        return f"changes {slots}"  # the first hazard says what is done to it
    if effect == "rebind" and before.device != after.device:
        return f"{before.device} to {after.device}, moves {slots}"
    if effect == "rebind":
        what = f"{before.dtype} to {after.dtype}" if before.dtype != after.dtype else \
            f"{shape_text(before.shape)} to {shape_text(after.shape)}"  # fmt: skip
        return f"{what}, rebinds {slots}"
    if effect != "write":
        return f"changes {slots}, no value"
    if not preview.changed:
        return f"Nothing changes: 0 of {count_text(preview.total)} values"
    share = percent_text(preview.changed, preview.total)
    of = f" in {len(preview.targets)} tensors" if len(preview.targets) > 1 else ""
    return f"{count_text(preview.changed)} of {count_text(preview.total)} values change{of}, {share}"
