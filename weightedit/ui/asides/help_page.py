"""A page of help: a list by group with a search at the left, what is picked at the right."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QTextCursor, QTextDocument, QTextFrameFormat, QTextTable
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QListWidget, QListWidgetItem, QTextBrowser, QVBoxLayout

from weightedit.core.pages.help_chapter import HelpChapter
from weightedit.ui.asides.aside import AsidePage
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.pieces import label, line
from weightedit.ui.widgets.plain import aloud, row_text

LIST_WIDTH, ROW = 196, 24


class HelpPage(AsidePage):
    """Chapters of help.

    Parameters
    ----------
    title, below
        At its top.
    what
        What is listed, in the plural, and what the text at the right is called for those who do not see it.
    """

    def __init__(self, title: str, below: str, what: tuple[str, str]) -> None:
        super().__init__(title, below)
        self.area.hide()
        self.search = QLineEdit()
        self.search.setPlaceholderText(f"Search {what[0].lower()}")
        self.search.setAccessibleName(aloud(f"Search {what[0].lower()}"))
        self.search.textChanged.connect(self._fill)
        self.list = QListWidget()
        self.list.setAccessibleName(aloud(what[0]))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.currentItemChanged.connect(lambda *_: self._show_chapter())
        self.text = QTextBrowser()
        self.text.setAccessibleName(aloud(what[1]))
        self.text.setFrameShape(QFrame.Shape.NoFrame)
        self.text.setOpenExternalLinks(True)
        self.text.document().setDocumentMargin(18)
        self.nothing = label("", "secondary")
        self.nothing.setWordWrap(True)
        self.nothing.hide()
        side = QVBoxLayout()
        side.setContentsMargins(14, 10, 10, 10)
        side.setSpacing(8)
        for widget in (self.search, self.nothing):
            side.addWidget(widget)
        side.addWidget(self.list, 1)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addLayout(side)
        row.addWidget(line(vertical=True))
        row.addWidget(self.text, 1)
        self.list.setFixedWidth(LIST_WIDTH)
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.addLayout(row, 1)
        self._chapters: list[HelpChapter] = []
        theme.changed.connect(self._fill)

    def load(self) -> list[HelpChapter]:
        """Return what is listed."""
        raise NotImplementedError

    def begin(self) -> None:
        """List everything anew, and take the focus."""
        self._chapters = self.load()
        self._fill()
        self.search.setFocus()

    def show_chapter(self, name: str) -> bool:
        """Pick a chapter by its name, whatever is searched for; say whether it is there."""
        self.search.clear()
        for row in range(self.list.count()):
            chapter = self.list.item(row).data(Qt.ItemDataRole.UserRole)
            if isinstance(chapter, HelpChapter) and chapter.name == name:
                self.list.setCurrentRow(row)
                self.list.setFocus()
                return True
        return False

    def _fill(self, *_: str) -> None:
        words = self.search.text().lower().split()
        self.list.blockSignals(True)
        self.list.clear()
        group = ""
        for chapter in self._chapters:
            text = f"{chapter.title} {chapter.name} {chapter.group} {chapter.markdown}".lower()
            if not all(word in text for word in words):
                continue
            if chapter.group != group:
                group = chapter.group
                heading = QListWidgetItem(row_text(group))
                heading.setFlags(Qt.ItemFlag.NoItemFlags)
                heading.setSizeHint(QSize(0, ROW + 4))
                heading.setFont(ui_font(11, QFont.Weight.DemiBold))
                heading.setForeground(theme.color("text2"))
                self.list.addItem(heading)
            item = QListWidgetItem(row_text(f"  {chapter.title}"))
            item.setData(Qt.ItemDataRole.UserRole, chapter)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{chapter.title}, {chapter.group}")
            item.setSizeHint(QSize(0, ROW))
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.list.setCurrentRow(1 if self.list.count() else -1)
        self.nothing.setVisible(bool(words) and not self.list.count())
        self.nothing.setText(f"Nothing matches {self.search.text().strip()}.")
        self._show_chapter()

    def _show_chapter(self) -> None:
        chapter = self.list.currentIndex().data(Qt.ItemDataRole.UserRole)
        self.text.setMarkdown(f"## {chapter.title}\n\n{chapter.markdown}" if isinstance(chapter, HelpChapter) else "")
        _space(self.text.document())


def _space(document: QTextDocument) -> None:
    """Give paragraphs air and tables thin lines: Markdown has no measures of its own."""
    block = document.begin()
    is_code = False
    while block.isValid():
        was_code, is_code = is_code, block.blockFormat().nonBreakableLines()
        cursor = QTextCursor(block)
        table: QTextTable | None = cursor.currentTable()
        if table is None:
            shape = block.blockFormat()
            shape.setTopMargin(0 if is_code and was_code else 10)
            shape.setLeftMargin(12 if is_code else shape.leftMargin())
            shape.setNonBreakableLines(False)  # a long line goes on below: scrolling sideways hides its end
            cursor.setBlockFormat(shape)
        else:
            lines = table.format()
            lines.setBorderCollapse(True)
            lines.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
            lines.setBorderBrush(theme.color("line2"))
            lines.setCellPadding(5)
            lines.setTopMargin(10)
            table.setFormat(lines)
        block = block.next()
