"""The window: shell, panels, item models and background tasks; it holds no tensor logic."""
