//! A picture of a data model: its tables in layers, each to the right of those that it refers to, and a line for every
//! foreign key. Only the places are reckoned here; the template draws, and the style sheet colours.

use std::collections::{BTreeSet, HashMap};

use forebay_core::id::ModelTableId;
use forebay_core::model::DataModel;

use crate::drawing::{count, curve, ordered, shortened};

/// More tables than this are no picture any more.
const LIMIT: usize = 120;
/// The most letters of a name.
const LETTERS: usize = 28;
/// About how wide a letter is.
const LETTER: i64 = 9;
const HEIGHT: i64 = 40;
/// Between two tables of a layer, and between two layers.
const GAP: i64 = 24;
const WAY: i64 = 110;
/// Around everything; a line between tables of one layer needs it.
const MARGIN: i64 = 16;
const SIDE: i64 = 70;

pub(super) struct Picture {
    pub(super) width: i64,
    pub(super) height: i64,
    pub(super) boxes: Vec<TableBox>,
    pub(super) lines: Vec<KeyLine>,
    /// The same in words.
    pub(super) text: String,
}

/// A table.
pub(super) struct TableBox {
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) width: i64,
    pub(super) height: i64,
    /// Where its name begins.
    pub(super) text_x: i64,
    pub(super) text_y: i64,
    pub(super) name: String,
}

/// A foreign key: from the table on the 1 side to that on the N side.
pub(super) struct KeyLine {
    /// As the attribute `d` of a path.
    pub(super) path: String,
    /// Where `1` and `N` stand.
    pub(super) one: (i64, i64),
    pub(super) many: (i64, i64),
}

impl Picture {
    /// `None` for a model without tables, and for one with too many.
    pub(super) fn of(model: &DataModel) -> Option<Self> {
        let place: HashMap<ModelTableId, usize> =
            model.tables.iter().enumerate().map(|(place, table)| (table.id, place)).collect();
        let names: Vec<&str> = model.tables.iter().map(|table| table.alias_or_name().as_str()).collect();
        let keys: Vec<(usize, usize)> = model
            .foreign_keys
            .iter()
            .filter_map(|key| Some((*place.get(&key.source)?, *place.get(&key.target)?)))
            .collect();
        (1..=LIMIT).contains(&names.len()).then(|| Self::drawn(&names, &keys))
    }

    fn drawn(names: &[&str], keys: &[(usize, usize)]) -> Self {
        let layers = ordered(layers(names.len(), keys), keys);
        let mut boxes: Vec<Option<TableBox>> = names.iter().map(|_| None).collect();
        let most = layers.iter().map(Vec::len).max().unwrap_or(0);
        let mut x = MARGIN;
        for layer in &layers {
            let shown: Vec<String> = layer.iter().map(|table| shortened(names[*table], LETTERS)).collect();
            let letters = shown.iter().map(|name| count(name.chars().count())).max().unwrap_or(0);
            let width = (letters * LETTER + 2 * MARGIN).max(90);
            let above = count(most - layer.len()) * (HEIGHT + GAP) / 2;
            for ((row, table), name) in layer.iter().enumerate().zip(shown) {
                let y = MARGIN + above + count(row) * (HEIGHT + GAP);
                let (text_x, text_y) = (x + MARGIN, y + HEIGHT / 2 + 5);
                boxes[*table] = Some(TableBox { x, y, width, height: HEIGHT, text_x, text_y, name });
            }
            x += width + WAY;
        }
        let boxes: Vec<TableBox> = boxes.into_iter().flatten().collect();
        Self {
            width: x - WAY + SIDE,
            height: 2 * MARGIN + count(most) * (HEIGHT + GAP) - GAP,
            lines: keys.iter().map(|(one, many)| KeyLine::between(&boxes[*one], &boxes[*many])).collect(),
            text: in_words(names, keys),
            boxes,
        }
    }
}

impl KeyLine {
    fn between(one: &TableBox, many: &TableBox) -> Self {
        let (from_x, from_y) = (one.x + one.width, one.y + one.height / 2);
        let to_y = many.y + many.height / 2;
        if many.x > from_x {
            let path = curve((from_x, from_y), (many.x, to_y));
            return Self { path, one: (from_x + 6, from_y - 6), many: (many.x - 16, to_y - 6) };
        }
        // Back, or within a layer: around the right side of both.
        let to_x = many.x + many.width;
        let (from_y, to_y) = if std::ptr::eq(one, many) { (from_y - 10, to_y + 10) } else { (from_y, to_y) };
        let side = from_x.max(to_x) + SIDE - MARGIN;
        let path = format!("M{from_x} {from_y} C{side} {from_y} {side} {to_y} {to_x} {to_y}");
        Self { path, one: (from_x + 6, from_y - 6), many: (to_x + 6, to_y + 16) }
    }
}

fn in_words(names: &[&str], keys: &[(usize, usize)]) -> String {
    let tables = format!("Tables: {}.", names.join(", "));
    if keys.is_empty() {
        return format!("{tables} There is no foreign key.");
    }
    let keys: Vec<String> = keys
        .iter()
        .map(|(one, many)| format!("one row of {} to many of {}", names[*one], names[*many]))
        .collect();
    format!("{tables} Foreign keys: {}.", keys.join("; "))
}

/// The tables of each layer. A table stands to the right of all that it refers to; where they refer to each other in
/// a circle, the one that refers to the fewest comes first. Tables without a foreign key are spread.
fn layers(tables: usize, keys: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let keys: BTreeSet<(usize, usize)> = keys.iter().copied().filter(|(one, many)| one != many).collect();
    let is_alone = |table: usize| !keys.iter().any(|(one, many)| *one == table || *many == table);
    let mut layer_of: Vec<Option<usize>> = vec![None; tables];
    loop {
        let open = |table: usize| {
            keys.iter().filter(|(one, many)| *many == table && layer_of[*one].is_none()).count()
        };
        let left = (0..tables).filter(|table| layer_of[*table].is_none() && !is_alone(*table));
        let Some(next) = left.min_by_key(|table| open(*table)) else { break };
        let before = keys.iter().filter(|(_, many)| *many == next).filter_map(|(one, _)| layer_of[*one]);
        layer_of[next] = Some(before.max().map_or(0, |layer| layer + 1));
    }
    let alone: Vec<usize> = (0..tables).filter(|table| is_alone(*table)).collect();
    let columns = layer_of.iter().flatten().max().map_or_else(|| alone.len().min(4), |last| last + 1).max(1);
    let mut layers = vec![Vec::new(); columns];
    for (table, layer) in layer_of.iter().enumerate() {
        if let Some(layer) = layer {
            layers[*layer].push(table);
        }
    }
    for table in alone {
        if let Some(shortest) = layers.iter_mut().min_by_key(|layer| layer.len()) {
            shortest.push(table);
        }
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_stands_to_the_right_of_what_it_refers_to() {
        let check = |tables, keys: &[(usize, usize)], expected: &[&[usize]]| {
            assert_eq!(layers(tables, keys), expected, "{keys:?}");
        };
        check(3, &[(0, 1), (1, 2), (0, 2)], &[&[0], &[1], &[2]]);
        // A circle, and a table that refers to itself.
        check(2, &[(0, 1), (1, 0)], &[&[0], &[1]]);
        check(1, &[(0, 0)], &[&[0]]);
        // What has no keys fills up.
        check(4, &[(0, 1)], &[&[0, 2], &[1, 3]]);
        check(6, &[], &[&[0, 4], &[1, 5], &[2], &[3]]);
    }

    #[test]
    fn boxes_lie_apart_and_inside_the_picture() {
        let names: Vec<String> =
            (0..9).map(|number| format!("table number {number}").repeat(number + 1)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let keys = [(0, 1), (1, 2), (2, 0), (3, 3), (0, 4), (5, 4)];
        let picture = Picture::drawn(&names, &keys);
        assert_eq!((picture.boxes.len(), picture.lines.len()), (9, 6));
        for (place, one) in picture.boxes.iter().enumerate() {
            assert!(one.x > 0 && one.x + one.width + SIDE <= picture.width, "{place}");
            assert!(one.y > 0 && one.y + one.height < picture.height, "{place}");
            for other in &picture.boxes[place + 1..] {
                let apart = one.x + one.width < other.x
                    || other.x + other.width < one.x
                    || one.y + one.height < other.y
                    || other.y + other.height < one.y;
                assert!(apart, "{} and {}", one.name, other.name);
            }
        }
        assert!(picture.text.contains("one row of table number 0 to many of table number 1table number 1"));
    }
}
