"""Actions of the doctor."""

from __future__ import annotations

from weightedit.ui.actions.action import Action, Reach


def _run(at: Reach) -> None:
    from weightedit.ui.doctor.room import DoctorRoom

    room = at.window.aside.open("doctor")
    assert isinstance(room, DoctorRoom)
    room.run()


ACTIONS = (
    Action("doctor", "Open the doctor", lambda at: at.window.aside.open("doctor"),
           "Check whether a model loads, runs and trains with these weights.", (), "Doctor", "work"),
    Action("run-doctor", "Run the doctor", _run, "Run the model that the doctor has, after asking about its code.",
           ("F5",), "Doctor", "work"),
    Action("explain", "Explain an error…", lambda at: at.window.aside.open("explain"),
           "Paste a message or traceback of PyTorch, and read what it means and which edit mends it.", (), "Doctor",
           rule=True),
)  # fmt: skip
