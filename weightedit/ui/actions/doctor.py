"""Actions of the doctor."""

from __future__ import annotations

from weightedit.ui.actions.action import Action, Reach


def _run(at: Reach) -> None:
    from weightedit.ui.doctor.room import DoctorRoom

    room = at.window.aside.open("doctor")
    assert isinstance(room, DoctorRoom)
    room.run()


def _browse(at: Reach) -> None:
    from weightedit.ui.doctor.room import DoctorRoom

    room = at.window.aside.open("doctor")
    assert isinstance(room, DoctorRoom)
    room.browsing.browse()


ACTIONS = (
    Action("doctor", "Open the doctor", lambda at: at.window.aside.open("doctor"),
           "Check whether a model loads, runs and trains with these weights.", (), "Doctor", "work"),
    Action("run-doctor", "Run the doctor", _run, "Run the model that the doctor has, after asking about its code.",
           ("F5",), "Doctor", "work"),
    Action("model-code", "Choose the model's code…", _browse,
           "Look for the Python file, or the config.json, that makes the model of the doctor.", (), "Doctor", "work"),
    Action("explain", "Explain an error…", lambda at: at.window.aside.open("explain"),
           "Paste a message or traceback of PyTorch, and read what it means and which edit mends it.", (), "Doctor",
           rule=True),
)  # fmt: skip
