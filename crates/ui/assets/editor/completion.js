// What can be written here: the keywords of SQL, the parameters, and the tables and columns of the pool. The pool is asked
// when the page is opened; without an answer there are the keywords alone.
import { ifNotIn } from "@codemirror/autocomplete";
import { PostgreSQL, SQLDialect, keywordCompletionSource } from "@codemirror/lang-sql";

// What DuckDB takes for no name without quotes.
const RESERVED =
  "all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create default " +
  "deferrable desc describe distinct do else end except false fetch for foreign from group having in initially " +
  "intersect into lambda lateral leading limit not null offset on only or order pivot pivot_longer pivot_wider placing " +
  "primary qualify references returning select show some summarize symmetric table then to trailing true union unique " +
  "unpivot using variadic when where window with";
// Other words of its statements. Those that are often the names of columns are left out.
const OTHER =
  "add alter anti asof between by cascade comment cross current delete drop escape exclude exists explain extract filter " +
  "following full function glob if ilike inner insert is join left like macro materialized matched merge natural next " +
  "nulls outer over overlaps partition positional preceding recursive rename replace restrict right rollup rows sample " +
  "semi sequence set similar temp temporary ties tablesample truncate try_cast unbounded update values view within";
const TYPES =
  "bigint bit blob boolean date decimal double float hugeint int integer interval json numeric real smallint struct text " +
  "time timestamp timestamptz tinyint ubigint uhugeint uinteger usmallint utinyint uuid varchar";

export const dialect = SQLDialect.define({ ...PostgreSQL.spec, keywords: `${RESERVED} ${OTHER}`, types: TYPES, builtin: "" });

const PLAIN = /^[a-z_][a-z0-9_]*$/i;
const NAME = String.raw`(?:"(?:[^"]|"")*"|[\p{L}_][\p{L}\p{N}_]*)`;
const AFTER_POINT = new RegExp(String.raw`(?:<%=\s*DATASOURCE:([^%\n]*?)\s*%>|(${NAME}))\.([\p{L}\p{N}_]*)$`, "iu");

const reserved = new Set(RESERVED.split(" "));
const isPlain = (name) => PLAIN.test(name) && !reserved.has(name.toLowerCase());
const written = (name) => (isPlain(name) ? name : `"${name.replaceAll('"', '""')}"`);
const bare = (name) => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name).toLowerCase();

export class Catalogue {
  tables = [];
  places = [];

  async read(address) {
    const answer = await fetch(address, { credentials: "same-origin" }).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const { tables, places } = await answer.json();
    this.tables = tables;
    this.places = places;
  }

  // The tables that a text names, and the ones that stand for a name in it.
  named(text) {
    const words = new Set((text.match(new RegExp(NAME, "giu")) ?? []).map(bare));
    return this.tables.filter((table) => words.has(table.name.toLowerCase()));
  }

  meant(name, text) {
    const wanted = bare(name);
    const alias = new RegExp(String.raw`(${NAME})\s+(?:as\s+)?${name.replace(/[^\p{L}\p{N}_]/gu, "\\$&")}(?![\p{L}\p{N}_])`, "giu");
    const names = new Set([wanted, ...[...text.matchAll(alias)].map((found) => bare(found[1]))]);
    return this.tables.filter((table) => names.has(table.name.toLowerCase()));
  }
}

const columns = (tables) =>
  tables.flatMap((table) =>
    table.columns.map(([name, type]) => ({ label: name, apply: written(name), detail: type, type: "property", boost: 1 })),
  );

// Columns of the same name and type are offered once.
function once(options) {
  const seen = new Set();
  return options.filter(({ label, detail }) => {
    const key = `${label}\n${detail}`;
    return !seen.has(key) && seen.add(key);
  });
}

// In `<%=…%>`, which may be closed already.
function places(catalogue) {
  return (context) => {
    const before = context.matchBefore(/<%=[^%\n]*$/);
    if (!before) return null;
    const closed = context.state.sliceDoc(context.pos, context.pos + 2) === "%>" ? 2 : 0;
    const options = catalogue.places.map(([label, detail]) => ({ label, detail, type: "variable" }));
    return { from: before.from, to: context.pos + closed, options, filter: true };
  };
}

function names(catalogue) {
  return (context) => {
    const line = context.state.doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    if (/<%=[^%]*$/.test(before)) return null;
    const text = context.state.doc.toString();
    const point = AFTER_POINT.exec(before);
    if (point) {
      const [, connection, name, begun] = point;
      const options =
        connection === undefined
          ? columns(catalogue.meant(name, text))
          : catalogue.tables
              .filter((table) => table.connection?.toLowerCase() === connection.toLowerCase())
              .map((table) => ({ label: table.name, apply: written(table.name), type: "class" }));
      return { from: context.pos - begun.length, options: once(options) };
    }
    const word = context.matchBefore(/[\p{L}\p{N}_]*$/u);
    if ((word.from === word.to && !context.explicit) || before.endsWith(".")) return null;
    const tables = catalogue.tables.map((table) => ({
      label: table.name,
      apply: table.prefix + written(table.name),
      detail: table.connection ?? "data pool",
      type: "class",
    }));
    return { from: word.from, options: [...once(columns(catalogue.named(text))), ...tables] };
  };
}

function keywords() {
  const source = keywordCompletionSource(dialect, true);
  return (context) => (context.matchBefore(/(?:\.[\p{L}\p{N}_]*|<%=[^%\n]*)$/u) ? null : source(context));
}

// Parameters may stand anywhere; the others would be in the way in texts, comments and quoted names.
const OUTSIDE = ["String", "QuotedIdentifier", "LineComment", "BlockComment"];

export const sources = (catalogue) => [places(catalogue), ifNotIn(OUTSIDE, names(catalogue)), keywords()];
