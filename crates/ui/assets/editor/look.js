// The look of the editor: the colours are the custom properties of the page, which reach into it.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { Decoration, EditorView, MatchDecorator, ViewPlugin } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const theme = EditorView.theme({
  "&": {
    color: "var(--text)",
    backgroundColor: "var(--face)",
    border: "1px solid var(--edge)",
    borderRadius: "5px",
    fontSize: ".92rem",
    maxHeight: "70vh",
  },
  "&.cm-focused": { outline: "3px solid var(--accent)", outlineOffset: "2px" },
  ".cm-scroller": { fontFamily: "ui-monospace, monospace", lineHeight: "1.5", overflow: "auto" },
  ".cm-content": { caretColor: "var(--text)", minHeight: "20rem" },
  ".cm-gutter": { minHeight: "20rem" },
  ".cm-gutters": { color: "var(--quiet)", backgroundColor: "var(--face)", borderRight: "1px solid var(--line)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--soft)", color: "inherit" },
  ".cm-nonmatchingBracket, &.cm-focused .cm-nonmatchingBracket": { color: "var(--bad)", backgroundColor: "transparent" },
  ".place": { color: "var(--warn)", fontWeight: "600" },
  ".wrong": { borderLeft: "4px solid var(--bad)", backgroundColor: "var(--soft)" },
  ".cm-tooltip": { color: "var(--text)", backgroundColor: "var(--face)", border: "1px solid var(--edge)" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { color: "var(--on-accent)", backgroundColor: "var(--accent)" },
  ".cm-completionDetail": { color: "inherit" },
  ".cm-panels": { color: "var(--text)", backgroundColor: "var(--back)" },
  ".cm-panels.cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-textfield": { color: "var(--text)", backgroundColor: "var(--face)", border: "1px solid var(--edge)", minHeight: "1.75rem" },
  ".cm-panel.cm-search [name=close]": { color: "var(--accent)", minWidth: "1.75rem", minHeight: "1.75rem" },
  ".cm-button": {
    minHeight: "1.75rem", color: "var(--accent)", backgroundColor: "var(--face)", backgroundImage: "none", border: "1px solid var(--accent)" },
  ".cm-searchMatch": { backgroundColor: "var(--soft)", outline: "1px solid var(--edge)" },
  ".cm-searchMatch-selected": { outline: "2px solid var(--accent)" },
});

const words = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: "var(--accent)", fontWeight: "600" },
  { tag: [tags.typeName, tags.standard(tags.name)], color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
  { tag: [tags.lineComment, tags.blockComment], color: "var(--quiet)", fontStyle: "italic" },
]);

// `<%=…%>`, wherever it stands.
const place = new MatchDecorator({ regexp: /<%=[^%\n]*%>/g, decoration: Decoration.mark({ class: "place" }) });
const places = ViewPlugin.fromClass(
  class {
    constructor(view) {
      this.decorations = place.createDeco(view);
    }

    update(update) {
      this.decorations = place.updateDeco(update, this.decorations);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

export const look = [theme, syntaxHighlighting(words), places];
