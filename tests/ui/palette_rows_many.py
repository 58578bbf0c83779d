"""What the action that edits many tensors is seen to do when the palette runs it."""

from __future__ import annotations

from tests.ui.palette_rows import Desk, row


@row("edit-many")
def _(desk: Desk) -> None:
    desk.window.tree.filter.setText("enc.*")
    desk.wait()
    desk.do()
    page = desk.work.batches.page
    assert page is not None
    assert page.form.pattern.targets == ("enc.*",)
