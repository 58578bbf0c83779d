"""The system's dialogs that ask for files."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from weightedit.ui.settings import Settings

FOLDER, MODEL_FOLDER = "files/folder", "doctor/folder"
OPEN_FILTER = ("Checkpoints and arrays (*.safetensors *.pt *.pth *.bin *.ckpt *.index.json *.npy *.npz *.csv *.tsv)"
               ";;Every file (*)")  # fmt: skip

RECIPE_FILTER = "Recipes (*.json);;Every file (*)"

MODEL_FILTER = "Python files, and configs of Hugging Face (*.py config.json);;Every file (*)"


def ask_files(parent: QWidget, settings: Settings) -> list[str]:
    """Ask which files to open; an empty list if the person thought better of it."""
    chosen, _ = QFileDialog.getOpenFileNames(parent, "Open checkpoints", settings.text(FOLDER), OPEN_FILTER)
    if chosen:
        settings.set(FOLDER, str(Path(chosen[0]).parent))
    return chosen


def ask_folder(parent: QWidget, settings: Settings) -> str:
    """Ask which folder of shards to open; empty if the person thought better of it."""
    chosen = QFileDialog.getExistingDirectory(parent, "Open a folder of shards", settings.text(FOLDER))
    if chosen:
        settings.set(FOLDER, str(Path(chosen).parent))
    return chosen


def ask_tensor_file(parent: QWidget, settings: Settings) -> str:
    """Ask which file to take a tensor from; empty if the person thought better of it."""
    chosen, _ = QFileDialog.getOpenFileName(parent, "Take a tensor from", settings.text(FOLDER), OPEN_FILTER)
    if chosen:
        settings.set(FOLDER, str(Path(chosen).parent))
    return chosen


def ask_model_code(parent: QWidget, settings: Settings) -> str:
    """Ask for the code of a model, or a config.json that names it; empty if the person thought better of it."""
    start = settings.text(MODEL_FOLDER, settings.text(FOLDER))
    chosen, _ = QFileDialog.getOpenFileName(parent, "Choose the model's code", start, MODEL_FILTER)
    if chosen:
        settings.set(MODEL_FOLDER, str(Path(chosen).parent))
    return chosen


def ask_recipe(parent: QWidget, settings: Settings) -> str:
    """Ask which recipe to apply; empty if the person thought better of it."""
    chosen, _ = QFileDialog.getOpenFileName(parent, "Apply a recipe", settings.text(FOLDER), RECIPE_FILTER)
    if chosen:
        settings.set(FOLDER, str(Path(chosen).parent))
    return chosen


def ask_recipe_destination(parent: QWidget, settings: Settings, name: str) -> str:
    """Ask where to save a recipe; empty if the person thought better of it."""
    start = str(Path(settings.text(FOLDER), name))
    chosen, _ = QFileDialog.getSaveFileName(parent, "Save the recipe", start, RECIPE_FILTER)
    if chosen:
        settings.set(FOLDER, str(Path(chosen).parent))
    return chosen


def ask_copy(parent: QWidget, start: str) -> str:
    """Ask where to write a copy; empty if the person thought better of it. A file that is there is asked about."""
    chosen, _ = QFileDialog.getSaveFileName(parent, "Recover into a copy", start, "Every file (*)")
    return chosen


def ask_destination(parent: QWidget, start: str) -> str:
    """Ask where to export to; empty if the person thought better of it."""
    # Replacing a file is said, and confirmed, in the export dialog itself.
    chosen, _ = QFileDialog.getSaveFileName(parent, "Export to", start, "Every file (*)", "",
                                            QFileDialog.Option.DontConfirmOverwrite)  # fmt: skip
    return chosen
