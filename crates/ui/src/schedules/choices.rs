//! What can be chosen of a schedule, with the words of its form and of people.

/// When it fires.
pub(super) const KINDS: [(&str, &str); 7] = [
    ("INTERVAL", "in steps of minutes or hours"),
    ("HOURLY", "each hour"),
    ("DAILY", "each day"),
    ("WEEKLY", "on days of the week"),
    ("MONTHLY", "on a day of each month"),
    ("CRON", "by a cron expression"),
    ("AFTER", "after another schedule"),
];
pub(super) const ON_FAILURE: [(&str, &str); 2] =
    [("STOP", "the jobs after it are not run"), ("CONTINUE", "the jobs after it are run all the same")];
pub(super) const OVERLAP: [(&str, &str); 3] = [
    ("SKIP", "the new firing is left out"),
    ("QUEUE", "the new run waits for its end"),
    ("REPLACE", "it is cancelled, and the new run begins"),
];
pub(super) const MISFIRE: [(&str, &str); 3] = [
    ("LATEST", "the latest one is caught up"),
    ("ALL", "all are caught up, one after the other"),
    ("NONE", "they are recorded as missed"),
];
pub(super) const PRIORITY: [(&str, &str); 3] =
    [("NORMAL", "as much as others"), ("HIGH", "more than others"), ("LOW", "less than others")];
