//! The table at the end.

use crate::catalogue::{Fault, Staging};
use crate::rounds::Tally;

/// The rows in the order of the list; `None` is a fault that was not asked for.
pub(crate) fn print(faults: &[Fault], tallies: &[Option<Tally>], seed: u64) {
    println!("\nseed {seed}\n");
    println!("| id | fault | rounds | held | worst recovery, s |");
    println!("| --- | --- | ---: | ---: | ---: |");
    for (fault, tally) in faults.iter().zip(tallies) {
        if let Some(tally) = tally.as_ref().filter(|tally| tally.not_staged.is_none()) {
            let Tally { begun, held, worst, .. } = tally;
            println!("| {} | {} | {begun} | {held} | {:.1} |", fault.id, fault.title, worst.as_secs_f64());
        }
    }
    let not_staged: Vec<String> = faults
        .iter()
        .zip(tallies)
        .filter_map(|(fault, tally)| {
            let why = match (&fault.staging, tally) {
                (Staging::NotStaged(why), _) => (*why).to_owned(),
                (_, Some(Tally { not_staged: Some(why), .. })) => why.clone(),
                _ => return None,
            };
            Some(format!("| {} | {} | {why} |", fault.id, fault.title))
        })
        .collect();
    if !not_staged.is_empty() {
        println!("\n| not staged here | fault | why |\n| --- | --- | --- |\n{}", not_staged.join("\n"));
    }
    for (fault, tally) in faults.iter().zip(tallies) {
        for note in tally.iter().flat_map(|tally| &tally.notes) {
            println!("\n{}: {note}", fault.id);
        }
    }
    for (fault, tally) in faults.iter().zip(tallies) {
        for failure in tally.iter().flat_map(|tally| &tally.failures) {
            println!("\n{} DID NOT HOLD: {failure}", fault.id);
        }
    }
}

/// Whether every round of every fault held.
pub(crate) fn all_held(tallies: &[Option<Tally>]) -> bool {
    tallies.iter().flatten().all(|tally| tally.failures.is_empty() && tally.begun == tally.held)
}
