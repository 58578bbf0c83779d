"""What the actions on devices are seen to do when the palette runs them."""

from __future__ import annotations

from tests.ui.palette_rows import Desk, row


def form_of(desk: Desk) -> tuple[str, object]:
    form = desk.work.edit_panel.form
    return form.operation.name, form.fields[0].value()


@row("move-to-cpu")
def move_to_cpu(desk: Desk) -> None:
    desk.do()
    desk.wait()
    assert form_of(desk) == ("to_device", "cpu")


@row("move-to-gpu")
def move_to_gpu(desk: Desk) -> None:
    need = desk.window.actions_of.declared["move-to-gpu"].needs
    assert not desk.window.actions_of.is_on("move-to-gpu")
    assert need == "gpu"
    desk.monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    desk.do()
    desk.wait()
    assert form_of(desk) == ("to_device", "cuda:0")
