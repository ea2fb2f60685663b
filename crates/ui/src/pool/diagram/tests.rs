use forebay_core::execution::Status;

use super::*;

fn part(name: &str, state: Option<Status>) -> Part {
    Part { place: format!("/{name}"), name: name.to_owned(), state: state.map(Badge::from) }
}

fn found<'a>(diagram: &'a Diagram, name: &str) -> &'a PartBox {
    diagram.boxes.iter().find(|found| found.place == format!("/{name}")).unwrap()
}

#[test]
fn sources_jobs_and_models_stand_in_columns_with_lines_between() {
    let parts = Parts {
        sources: vec![part("ERP", None)],
        jobs: vec![part("a", Some(Status::Success)), part("b", Some(Status::Fail)), part("c", None)],
        models: vec![part("Sales", Some(Status::Running)), part("Unused", None)],
        reads: vec![(0, 0), (0, 1)],
        loads: vec![(1, 0), (1, 0), (9, 0)],
    };
    let diagram = Diagram::of(parts).unwrap();
    let (erp, failed, sales) = (found(&diagram, "ERP"), found(&diagram, "b"), found(&diagram, "Sales"));
    assert!(erp.x + WIDTH < failed.x && failed.x + WIDTH < sales.x);
    assert!(sales.x + WIDTH < diagram.width && found(&diagram, "c").y + HEIGHT < diagram.height);
    assert_eq!((diagram.lines.len(), diagram.heads.len()), (3, 3));
    assert_eq!(diagram.text, "1 data source, 3 data jobs, 2 data models");
    assert!(!diagram.is_part && erp.state.is_none());
    let labels: Vec<_> = diagram.boxes.iter().map(|found| found.label.as_str()).collect();
    let expected = [
        "ERP, data source",
        "a succeeded, data job",
        "b failed, data job",
        "c never executed, data job",
        "Sales running, data model",
        "Unused never loaded, data model",
    ];
    assert_eq!(labels, expected);
}

#[test]
fn every_state_has_a_shape_of_its_own() {
    let states = [Status::Queued, Status::Running, Status::Success, Status::Fail, Status::Cancel];
    let mut shapes: BTreeSet<&str> =
        states.into_iter().map(|status| State::of(Some(&Badge::from(status)), "never").shape).collect();
    shapes.insert(State::of(None, "never").shape);
    shapes.insert(State::of(Some(&Badge { text: "loaded with warnings", look: "warns" }), "never").shape);
    assert_eq!(shapes.len(), 7);
}

#[test]
fn of_very_many_jobs_those_are_drawn_that_ask_for_attention() {
    let state = |place: usize| match place {
        190 => Some(Status::Running),
        191 => Some(Status::Fail),
        _ if place.is_multiple_of(2) => Some(Status::Success),
        _ => None,
    };
    let parts = Parts {
        sources: (0..60).map(|place| part(&format!("source {place}"), None)).collect(),
        jobs: (0..200).map(|place| part(&format!("job {place}"), state(place))).collect(),
        models: Vec::new(),
        reads: vec![(59, 190), (0, 199)],
        loads: Vec::new(),
    };
    let diagram = Diagram::of(parts).unwrap();
    assert_eq!(diagram.text, "40 of 60 data sources, 40 of 200 data jobs, no data model");
    assert_eq!((diagram.boxes.len(), diagram.lines.len(), diagram.heads.len()), (80, 1, 2));
    assert!(diagram.is_part);
    for name in ["job 190", "job 191", "job 0", "source 59"] {
        found(&diagram, name);
    }
    assert!(diagram.boxes.iter().all(|found| found.place != "/job 199"));
    let corners: BTreeSet<_> = diagram.boxes.iter().map(|found| (found.x, found.y)).collect();
    assert_eq!(corners.len(), 80, "no two at one place");
}

#[test]
fn without_jobs_there_is_nothing_to_draw() {
    let parts = Parts {
        sources: vec![part("ERP", None)],
        jobs: Vec::new(),
        models: Vec::new(),
        reads: Vec::new(),
        loads: Vec::new(),
    };
    assert!(Diagram::of(parts).is_none());
}
