//! When each task and step of an execution ran, as a picture: bars over the time of the execution. The tables of the
//! page have the same figures as text.

use forebay_core::Timestamp;
use forebay_core::execution::{Status, TaskExecution};

use crate::drawing::shortened;
use crate::words::{Badge, duration};

/// The most steps that have a bar of their own: the longest ones.
const STEPS: usize = 60;
/// The most letters of a name that fit beside its bar.
const LETTERS: usize = 30;

/// All measures are in pixels.
const LEFT: i64 = 250;
const WIDTH: i64 = 500;
const ROW: i64 = 24;
const TOP: i64 = 28;
const BAR: i64 = 14;

/// A picture of the time of an execution.
pub(super) struct Chart {
    pub(super) height: i64,
    pub(super) bars: Vec<Bar>,
    pub(super) marks: Vec<Mark>,
    /// Steps that have no bar because longer ones have.
    pub(super) hidden: usize,
    /// What the picture shows, in one sentence.
    pub(super) text: String,
}

/// When one task or step ran.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) is_task: bool,
    pub(super) look: &'static str,
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) width: i64,
    /// Where its words stand.
    pub(super) base: i64,
    pub(super) took: String,
}

/// A line at a moment of the execution.
pub(super) struct Mark {
    pub(super) x: i64,
    pub(super) text: String,
}

/// What is to be drawn.
struct Span {
    label: String,
    is_task: bool,
    status: Status,
    begun: i64,
    ended: i64,
}

impl Span {
    fn of(
        label: &str,
        is_task: bool,
        status: Status,
        (begun, ended): (Option<Timestamp>, Option<Timestamp>),
        now: Timestamp,
    ) -> Option<Self> {
        let begun = begun?.as_millis();
        let ended = ended.unwrap_or(now).as_millis().max(begun);
        Some(Self { label: shortened(label, LETTERS), is_task, status, begun, ended })
    }

    fn millis(&self) -> i64 {
        self.ended - self.begun
    }
}

impl Chart {
    /// `None` when nothing was begun.
    pub(super) fn of(tasks: &[TaskExecution], now: Timestamp) -> Option<Self> {
        let mut spans = Vec::new();
        for task in tasks {
            let times = (task.started_at, task.finished_at);
            spans.extend(Span::of(&task.name, true, task.status, times, now));
            for step in &task.steps {
                let times = (step.started_at, step.finished_at);
                spans.extend(Span::of(&step.name, false, step.status, times, now));
            }
        }
        let begun = spans.iter().map(|span| span.begun).min()?;
        let ended = spans.iter().map(|span| span.ended).max()?;
        let total = (ended - begun).max(1);
        let hidden = keep_longest(&mut spans);
        let place = |moment: i64| LEFT + (moment - begun) * WIDTH / total;
        let mut bars = Vec::new();
        let mut y = TOP;
        for span in &spans {
            bars.push(Bar {
                label: span.label.clone(),
                is_task: span.is_task,
                look: Badge::from(span.status).look,
                x: place(span.begun),
                y,
                // What took no time is still to be seen.
                width: (span.millis() * WIDTH / total).max(2),
                base: y + BAR - 2,
                took: duration(span.millis()),
            });
            y += ROW;
        }
        let quarter = |part: i64| Mark { x: LEFT + WIDTH * part / 4, text: duration(total * part / 4) };
        let text = format!(
            "Time chart: {} of the execution’s tasks and steps over {}. The tables below say the same in words.",
            bars.len(),
            duration(total)
        );
        Some(Self { height: y, bars, marks: (0..=4).map(quarter).collect(), hidden, text })
    }
}

/// Takes out the shortest steps when there are too many, and says how many these were.
fn keep_longest(spans: &mut Vec<Span>) -> usize {
    let mut steps: Vec<i64> = spans.iter().filter(|span| !span.is_task).map(Span::millis).collect();
    if steps.len() <= STEPS {
        return 0;
    }
    steps.sort_unstable_by(|one, other| other.cmp(one));
    let least = steps[STEPS - 1];
    let before = spans.len();
    // Of equals the first are kept.
    let mut equals = STEPS - steps.iter().filter(|millis| **millis > least).count();
    spans.retain(|span| {
        if span.is_task || span.millis() > least {
            return true;
        }
        let fits = span.millis() == least && equals > 0;
        equals -= usize::from(fits);
        fits
    });
    before - spans.len()
}

#[cfg(test)]
mod tests {
    use forebay_core::execution::StepExecution;
    use forebay_core::id::TaskId;

    use super::*;

    fn at(millis: i64) -> Option<Timestamp> {
        Some(Timestamp::from_millis(millis))
    }

    fn step(position: u32, begun: Option<Timestamp>, ended: Option<Timestamp>) -> StepExecution {
        StepExecution {
            position,
            name: format!("table {position}"),
            status: Status::Running,
            message: None,
            rows: 0,
            receipt: None,
            started_at: begun,
            finished_at: ended,
        }
    }

    fn task(steps: Vec<StepExecution>) -> TaskExecution {
        TaskExecution {
            task_id: TaskId::random(),
            name: "Extract".to_owned(),
            kind: "EXTRACTION".to_owned(),
            position: 0,
            status: Status::Running,
            message: None,
            started_at: at(1_000),
            finished_at: None,
            steps,
        }
    }

    #[test]
    fn bars_lie_over_the_time_of_the_execution() {
        let steps = vec![step(0, at(2_000), at(3_000)), step(1, None, None)];
        let now = Timestamp::from_millis(5_000);
        let chart = Chart::of(&[task(steps)], now).unwrap();
        let bars: Vec<_> = chart.bars.iter().map(|bar| (bar.x, bar.width, bar.took.as_str())).collect();
        assert_eq!(bars, [(250, 500, "4.00 s"), (375, 125, "1.00 s")]);
        assert_eq!((chart.marks[4].text.as_str(), chart.hidden), ("4.00 s", 0));
        let mut waiting = task(Vec::new());
        waiting.started_at = None;
        assert!(Chart::of(&[waiting], now).is_none());
    }

    #[test]
    fn of_very_many_steps_the_longest_are_drawn() {
        let steps = (0..100).map(|place| step(place, at(1_000), at(1_000 + i64::from(place / 2)))).collect();
        let chart = Chart::of(&[task(steps)], Timestamp::from_millis(2_000)).unwrap();
        assert_eq!((chart.bars.len(), chart.hidden), (61, 40));
        assert!(chart.bars.iter().all(|bar| bar.label != "table 39"));
    }
}
