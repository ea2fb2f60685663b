//! A picture of a pool: its sources, its data jobs and its data models from left to right, a line from each source to
//! the jobs that read it, and from each job to the models that it loads. A state is a shape and a word; the colour only
//! repeats them. Only the places are reckoned here; the template draws, and the style sheet colours.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::drawing::{count, curve, ordered, shortened};
use crate::words::Badge;

/// The most boxes of a column. The tables of the page have all.
const MOST: usize = 40;
/// Up to so many rows a column is set in the middle; a longer picture begins at its top.
const SHORT: usize = 8;
/// The most letters of a name.
const LETTERS: usize = 25;
const WIDTH: i64 = 240;
const HEIGHT: i64 = 52;
/// Between two boxes of a column, and between two columns.
const GAP: i64 = 16;
const WAY: i64 = 100;
/// Around everything, and above the boxes.
const MARGIN: i64 = 12;
const TOP: i64 = 36;

/// What the columns are of.
const COLUMNS: [Column; 3] = [
    Column { head: "Data sources", one: "data source", many: "data sources", never: None },
    Column { head: "Data jobs", one: "data job", many: "data jobs", never: Some("never executed") },
    Column { head: "Data models", one: "data model", many: "data models", never: Some("never loaded") },
];

struct Column {
    head: &'static str,
    one: &'static str,
    many: &'static str,
    /// The state before the first one; `None` where there are no states: of a source nothing is known until somebody
    /// asks it.
    never: Option<&'static str>,
}

/// What is drawn as a box.
pub(super) struct Part {
    /// The address of its page.
    pub(super) place: String,
    pub(super) name: String,
    /// `None` for what has no state, and for what was never executed or loaded.
    pub(super) state: Option<Badge>,
}

/// What there is in a pool, in the order of the columns, and what belongs together.
pub(super) struct Parts {
    pub(super) sources: Vec<Part>,
    pub(super) jobs: Vec<Part>,
    pub(super) models: Vec<Part>,
    /// Places of a source and of a job that reads it.
    pub(super) reads: Vec<(usize, usize)>,
    /// Places of a job and of a model that it loads.
    pub(super) loads: Vec<(usize, usize)>,
}

pub(super) struct Diagram {
    pub(super) width: i64,
    pub(super) height: i64,
    /// Where the name of each column stands.
    pub(super) heads: Vec<(i64, &'static str)>,
    pub(super) boxes: Vec<PartBox>,
    /// As the attributes `d` of paths.
    pub(super) lines: Vec<String>,
    /// What is drawn, in one sentence.
    pub(super) text: String,
    /// Whether something is left out.
    pub(super) is_part: bool,
}

/// A box. Where its words stand is told from its corner.
pub(super) struct PartBox {
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) width: i64,
    pub(super) height: i64,
    pub(super) place: String,
    /// As much of the name as fits.
    pub(super) name: String,
    /// All of it, with what it is and how it stands.
    pub(super) label: String,
    pub(super) state: Option<State>,
}

pub(super) struct State {
    pub(super) word: &'static str,
    pub(super) look: &'static str,
    /// The shape, 12 pixels wide and high, as the attribute `d` of a path.
    pub(super) shape: &'static str,
}

impl State {
    /// How a job or a model stands; `never` where there was nothing yet.
    fn of(badge: Option<&Badge>, never: &'static str) -> Self {
        let Some(badge) = badge else {
            return Self { word: never, look: "never", shape: "M1 6H11" };
        };
        let shape = match badge.look {
            // A tick, a cross, an exclamation mark, an arrow head, two bars; a square for every other end.
            "good" => "M1 6L5 10L11 2",
            "bad" => "M2 2L10 10M10 2L2 10",
            "warns" => "M6 1V7M6 9.5V11",
            "runs" => "M3 1L10 6L3 11Z",
            "waits" => "M4 1V11M8 1V11",
            _ => "M2 2H10V10H2Z",
        };
        Self { word: badge.text, look: badge.look, shape }
    }
}

/// What asks for attention comes first: what is live, then what failed, then what was ever begun.
fn attention(part: &Part) -> u8 {
    match part.state.as_ref().map(|badge| badge.look) {
        Some("runs" | "waits") => 0,
        Some("bad") => 1,
        Some("warns") => 2,
        Some(_) => 3,
        None => 4,
    }
}

/// The places of those that are drawn: what is wanted goes before what is not.
fn drawn(parts: &[Part], is_wanted: impl Fn(usize) -> bool) -> BTreeSet<usize> {
    let mut places: Vec<usize> = (0..parts.len()).collect();
    places.sort_by_key(|place| (!is_wanted(*place), attention(&parts[*place])));
    places.into_iter().take(MOST).collect()
}

impl Diagram {
    /// `None` for a pool without jobs.
    pub(super) fn of(parts: Parts) -> Option<Self> {
        if parts.jobs.is_empty() {
            return None;
        }
        let jobs = drawn(&parts.jobs, |_| true);
        let (reads, loads) = (&parts.reads, &parts.loads);
        let sources =
            drawn(&parts.sources, |place| reads.iter().any(|(one, job)| *one == place && jobs.contains(job)));
        let models =
            drawn(&parts.models, |place| loads.iter().any(|(job, one)| *one == place && jobs.contains(job)));
        let told = [(&parts.sources, &sources), (&parts.jobs, &jobs), (&parts.models, &models)];
        let text = told.iter().zip(&COLUMNS).map(|((all, drawn), column)| match (all.len(), drawn.len()) {
            (0, _) => format!("no {}", column.one),
            (1, _) => format!("1 {}", column.one),
            (all, drawn) if all == drawn => format!("{all} {}", column.many),
            (all, drawn) => format!("{drawn} of {all} {}", column.many),
        });
        let text = text.collect::<Vec<_>>().join(", ");
        let is_part = told.iter().any(|(all, drawn)| all.len() > drawn.len());

        // All boxes by one number each, and the lines by those of their ends.
        let mut numbers: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut layers = Vec::new();
        for (column, places) in [&sources, &jobs, &models].into_iter().enumerate() {
            let mut layer = Vec::new();
            for place in places {
                layer.push(numbers.len());
                numbers.insert((column, *place), numbers.len());
            }
            layers.push(layer);
        }
        let ends = |column: usize, lines: &[(usize, usize)]| -> BTreeSet<(usize, usize)> {
            let number = |column: usize, place: usize| numbers.get(&(column, place)).copied();
            let found = lines
                .iter()
                .filter_map(|(from, to)| Some((number(column, *from)?, number(column + 1, *to)?)));
            found.collect()
        };
        let lines: Vec<(usize, usize)> = ends(0, reads).into_iter().chain(ends(1, loads)).collect();

        let rows = layers.iter().map(Vec::len).max().unwrap_or(0);
        let mut corners = vec![(0, 0); numbers.len()];
        let mut heads = Vec::new();
        let mut x = MARGIN;
        for (layer, column) in ordered(layers, &lines).iter().zip(&COLUMNS) {
            if layer.is_empty() {
                continue;
            }
            let spare = if rows > SHORT { 0 } else { rows - layer.len() };
            let above = TOP + count(spare) * (HEIGHT + GAP) / 2;
            for (row, number) in layer.iter().enumerate() {
                corners[*number] = (x, above + count(row) * (HEIGHT + GAP));
            }
            heads.push((x, column.head));
            x += WIDTH + WAY;
        }
        let line = |(from, to): &(usize, usize)| {
            let ((from_x, from_y), (to_x, to_y)) = (corners[*from], corners[*to]);
            curve((from_x + WIDTH, from_y + HEIGHT / 2), (to_x, to_y + HEIGHT / 2))
        };
        let lines = lines.iter().map(line).collect();
        let mut boxes = Vec::new();
        for (column, all) in [parts.sources, parts.jobs, parts.models].into_iter().enumerate() {
            for (place, part) in all.into_iter().enumerate() {
                let Some(number) = numbers.get(&(column, place)) else { continue };
                boxes.push(PartBox::of(part, column, corners[*number]));
            }
        }
        Some(Self {
            width: x - WAY + MARGIN,
            height: TOP + count(rows) * (HEIGHT + GAP) - GAP + MARGIN,
            heads,
            boxes,
            lines,
            text,
            is_part,
        })
    }
}

impl PartBox {
    fn of(part: Part, column: usize, (x, y): (i64, i64)) -> Self {
        let Column { one, never, .. } = COLUMNS[column];
        let state = never.map(|never| State::of(part.state.as_ref(), never));
        let name = shortened(&part.name, LETTERS);
        // What is seen comes first, as it is seen: whoever speaks to the machine says that.
        let seen = match &state {
            None => name.clone(),
            Some(state) => format!("{name} {}", state.word),
        };
        let label = match name == part.name {
            true => format!("{seen}, {one}"),
            false => format!("{seen}, {one} {}", part.name),
        };
        Self { x, y, width: WIDTH, height: HEIGHT, place: part.place, name, label, state }
    }
}
