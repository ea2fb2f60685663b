// The SQL editor: it takes the place of a text field, which stays in the form and is kept in step with it, and shows what a
// run answers with without loading the page again. It stands in a shadow root, so that its styles need no style element.
import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, ensureSyntaxTree, syntaxTree } from "@codemirror/language";
import { sql } from "@codemirror/lang-sql";
import { search, searchKeymap } from "@codemirror/search";
import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, keymap, lineNumbers } from "@codemirror/view";
import { Catalogue, dialect, sources } from "./completion.js";
import { look } from "./look.js";

// The line of which a run says that something is wrong in it; 0 for none.
const setWrong = StateEffect.define();
const wrong = StateField.define({
  create: () => Decoration.none,
  update(lines, change) {
    let next = lines.map(change.changes);
    for (const effect of change.effects) {
      if (!effect.is(setWrong)) continue;
      const { doc } = change.state;
      const isThere = effect.value > 0 && effect.value <= doc.lines;
      next = isThere ? Decoration.set(Decoration.line({ class: "wrong" }).range(doc.line(effect.value).from)) : Decoration.none;
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

// Tab indents until Escape is pressed, and again once something else is.
const leaving = EditorView.domEventHandlers({
  keydown(event, view) {
    if (!["Escape", "Tab", "Shift"].includes(event.key)) view.setTabFocusMode(false);
    return false;
  },
  focus(_, view) {
    view.setTabFocusMode(false);
    return false;
  },
});
const leave = {
  key: "Escape",
  run(view) {
    view.setTabFocusMode(true);
    return false;
  },
};

// What is written over a selection is put in here: browsers would give it the look of what stood there as a style of its
// own, which the policy of the pages forbids.
const overwriting = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { state } = view;
    if (event.inputType !== "insertText" || event.data === null || state.selection.main.empty || view.composing) return false;
    event.preventDefault();
    view.dispatch(state.update(state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true }));
    return true;
  },
});

// What is selected; else the statement in which the cursor stands, or behind which.
function part(state) {
  const { from, to } = state.selection.main;
  if (from < to) return { from, to };
  const tree = ensureSyntaxTree(state, state.doc.length) ?? syntaxTree(state);
  const begun = tree.topNode.getChildren("Statement").filter((statement) => statement.from <= from);
  return begun.at(-1) ?? { from: 0, to: state.doc.length };
}

// A part of the text where it stands: what is said of its lines and columns is right for the whole.
function inPlace(state) {
  const { from, to } = part(state);
  const line = state.doc.lineAt(from);
  return "\n".repeat(line.number - 1) + " ".repeat(from - line.from) + state.sliceDoc(from, to);
}

function edit(host) {
  const field = document.getElementById(host.dataset.for);
  const label = document.querySelector(`label[for="${field.id}"]`);
  const hint = document.getElementById("editor-hint");
  const form = field.form;
  const runPart = form.querySelector("[value=PART]");
  const root = host.attachShadow({ mode: "open" });
  const described = document.createElement("p");
  described.id = "hint";
  described.hidden = true;
  described.textContent = hint.textContent;
  const catalogue = new Catalogue();
  const view = new EditorView({
    root,
    doc: field.value,
    extensions: [
      lineNumbers(),
      history(),
      bracketMatching(),
      sql({ dialect }),
      autocompletion({ override: sources(catalogue), icons: false }),
      search({ top: true }),
      leaving,
      overwriting,
      keymap.of([
        { key: "Mod-Enter", run: () => (form.requestSubmit(runPart), true) },
        ...completionKeymap,
        ...searchKeymap,
        leave,
        ...historyKeymap,
        indentWithTab,
        ...defaultKeymap,
      ]),
      wrong,
      look,
      EditorView.contentAttributes.of({
        "aria-label": label.textContent,
        "aria-describedby": described.id,
        spellcheck: "false",
        tabindex: "0",
      }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) field.value = update.state.doc.toString();
      }),
    ],
  });
  root.append(described, view.dom);
  for (const shown of [host, hint, runPart]) shown.hidden = false;
  field.hidden = true;
  label.addEventListener("click", () => view.focus());
  // A browser that goes back fills the field in after this.
  window.addEventListener("pageshow", () => {
    const text = view.state.doc.toString();
    if (field.value.replaceAll("\r\n", "\n") !== text) {
      view.dispatch({ changes: { from: 0, to: text.length, insert: field.value } });
    }
  });
  catalogue.read(host.dataset.catalogue);
  follow(form, view);
}

// Sends what is to be run, and puts the answer into the page that is there.
function follow(form, view) {
  const result = document.getElementById("result");
  const said = document.getElementById("said");
  const stop = document.getElementById("stop");
  let running = null;

  function mark() {
    const line = Number(result.querySelector("[data-line]")?.dataset.line ?? 0);
    view.dispatch({ effects: setWrong.of(line) });
    if (line > 0 && line <= view.state.doc.lines) {
      view.dispatch({ effects: EditorView.scrollIntoView(view.state.doc.line(line).from) });
    }
  }

  async function run(button) {
    running?.abort();
    const own = (running = new AbortController());
    const isInside = result.contains(button);
    form.elements.part.value = button.value === "PART" ? inPlace(view.state) : "";
    said.textContent = "Running…";
    stop.hidden = false;
    try {
      const body = new URLSearchParams(new FormData(form, button));
      const options = { method: "POST", body, credentials: "same-origin", signal: own.signal };
      const answer = await fetch(button.formAction, options);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("result");
      if (answer.redirected) {
        said.textContent = "You are not signed in any more: sign in in another tab, and run it again.";
      } else if (fresh) {
        result.replaceChildren(...fresh.childNodes);
        const sentence = result.querySelector("[data-said]");
        said.textContent = sentence?.textContent ?? "";
        sentence?.remove();
        if (isInside) result.focus();
        mark();
      } else {
        said.textContent = page.querySelector("main")?.textContent.trim() ?? "There is no answer.";
      }
    } catch {
      if (running === own) said.textContent = own.signal.aborted ? "Stopped." : "The server does not answer.";
    }
    if (running === own) stop.hidden = true;
  }

  form.addEventListener("submit", (event) => {
    if (event.submitter?.dataset.run === undefined) return;
    event.preventDefault();
    run(event.submitter);
  });
  stop.addEventListener("click", () => running?.abort());
  mark();
}

document.querySelectorAll("[data-catalogue]").forEach(edit);
