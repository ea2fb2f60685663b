//! What pictures share: boxes that stand in layers from left to right, and lines between them. All measures are in
//! pixels.

use std::collections::HashMap;

/// How often the boxes of a layer are put in order by those that they belong to.
const SWEEPS: usize = 4;

/// A number of things, as pictures reckon with it.
pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A name of at most so many letters.
pub(super) fn shortened(name: &str, letters: usize) -> String {
    if name.chars().count() <= letters {
        return name.to_owned();
    }
    name.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

/// A line from one point to another that lies to its right, as the attribute `d` of a path.
pub(super) fn curve((from_x, from_y): (i64, i64), (to_x, to_y): (i64, i64)) -> String {
    let half = (to_x - from_x) / 2;
    format!("M{from_x} {from_y} C{} {from_y} {} {to_y} {to_x} {to_y}", from_x + half, to_x - half)
}

/// The same layers, each in the order of the boxes that its own belong to, so that fewer lines cross.
pub(super) fn ordered(mut layers: Vec<Vec<usize>>, lines: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut neighbours: HashMap<usize, Vec<usize>> = HashMap::new();
    for (one, other) in lines.iter().filter(|(one, other)| one != other) {
        neighbours.entry(*one).or_default().push(*other);
        neighbours.entry(*other).or_default().push(*one);
    }
    for _ in 0..SWEEPS {
        for number in 0..layers.len() {
            let rows: HashMap<usize, usize> = layers
                .iter()
                .flat_map(|layer| layer.iter().enumerate().map(|(row, place)| (*place, row)))
                .collect();
            // The mean row of its neighbours, in hundredths; of a box without any, behind all.
            let mean = |place: &usize| {
                let of = neighbours.get(place).into_iter().flatten();
                let found: Vec<usize> = of.filter_map(|other| rows.get(other).copied()).collect();
                match found.len() {
                    0 => usize::MAX,
                    many => found.iter().sum::<usize>() * 100 / many,
                }
            };
            layers[number].sort_by_cached_key(mean);
        }
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_need_not_cross_do_not() {
        let lines = [(0, 3), (1, 2)];
        assert_eq!(ordered(vec![vec![0, 1], vec![2, 3]], &lines), [[1, 0], [2, 3]]);
        // What has no line comes behind what has one.
        assert_eq!(ordered(vec![vec![0, 1], vec![2]], &[(1, 2)]), [vec![1, 0], vec![2]]);
    }

    #[test]
    fn a_long_name_is_shortened_at_a_letter() {
        assert_eq!(shortened("short", 30), "short");
        assert_eq!(shortened(&"ü".repeat(40), 30), format!("{}…", "ü".repeat(29)));
    }
}
