"""The colours of the window by name, dark and light; everything painted takes its colour from here."""

from __future__ import annotations

TOKENS: dict[str, dict[str, str]] = {
    "dark": {
        "window": "#0E1013", "panel": "#15181C", "raised": "#1D2126",
        "hover": "#242930", "active": "#2C323A", "canvas": "#0A0C0E",
        "line": "#262B31", "line2": "#3A414A",
        "text": "#E6E9ED", "text2": "#AAB2BC", "text3": "#8A939E", "textoff": "#565E68",
        "accent": "#35C2B0", "accent2": "#4FD6C4", "accentbg": "#143330", "onaccent": "#04201C",
        "info": "#74AEFA", "infobg": "#152538",
        "warn": "#F2B544", "warnbg": "#33270F",
        "bad": "#FF7B81", "badbg": "#391A1D",
        "ok": "#5BC98C", "okbg": "#13301F",
        "nan": "#FF4FB8", "posinf": "#FFE45C", "neginf": "#4FE3FF",
    },
    "light": {
        "window": "#E9EBEE", "panel": "#F7F8F9", "raised": "#FFFFFF",
        "hover": "#ECEFF2", "active": "#E1E5EA", "canvas": "#FFFFFF",
        "line": "#DDE1E6", "line2": "#BEC5CE",
        "text": "#15191E", "text2": "#475059", "text3": "#5F6973", "textoff": "#A3ABB4",
        "accent": "#0A766A", "accent2": "#085F56", "accentbg": "#D9F0EC", "onaccent": "#FFFFFF",
        "info": "#1D60BC", "infobg": "#E4EEFB",
        "warn": "#8A5800", "warnbg": "#FBF0D6",
        "bad": "#BC2935", "badbg": "#FCE6E7",
        "ok": "#1A7A4A", "okbg": "#DFF3E7",
        "nan": "#C4007A", "posinf": "#946F00", "neginf": "#007FA3",
    },
}  # fmt: skip
"""Colour by theme and token, as `#RRGGBB`."""

GROUPS: dict[str, tuple[str, ...]] = {
    "dark": ("#90C8EF", "#C98F3E", "#55FEA6", "#F16797", "#EDE646", "#B87EFA"),
    "light": ("#07256C", "#67411E", "#0C7353", "#903775", "#6B6606", "#8D30CC"),
}
"""Colours of storage groups S1, S2 …, repeating; told apart under protan, deutan and tritan vision."""

GROUP_FILL: dict[str, float] = {"dark": 0.18, "light": 0.12}
"""How much of its colour a storage chip's fill has over the panel."""

GROUP_BORDER = 0.55
"""How much of its colour a storage chip's border has over the panel."""

UI_FONTS = ("Inter", "Segoe UI", "SF Pro Text", "Noto Sans", "DejaVu Sans")
MONO_FONTS = ("JetBrains Mono", "Cascadia Mono", "SF Mono", "DejaVu Sans Mono")
