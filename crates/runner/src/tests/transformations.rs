//! Transformations: all statements of a script, or none.

use forebay_core::event::{Event, Outcome};
use forebay_core::execution::{ExtractionMode, Status};
use forebay_core::parameter::ParameterType;
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::spec::TaskSpec;

use super::house::{House, constant};
use super::warehouse::Trouble;

#[tokio::test]
async fn the_statements_of_a_script_take_effect_together_and_each_is_logged() {
    let house = House::new();
    let script = "CREATE TABLE a (x INT);\n\n-- now b\nINSERT INTO b SELECT ';';";
    let told = house.run(ExtractionMode::Full, vec![house.transformation(script)]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.warehouse.scripts(), [["CREATE TABLE a (x INT)", "INSERT INTO b SELECT ';'"]]);
    let steps = told.events.steps();
    assert_eq!(steps[0], ("statement 1 (line 1)".to_owned(), Status::Success, "1 row".to_owned()));
    assert_eq!(steps[1], ("statement 2 (line 4)".to_owned(), Status::Success, "2 rows".to_owned()));
    let logged = told.events.logged("STATEMENT_DONE");
    assert!(logged[1].starts_with("statement 2 (line 4): 2 rows in ") && logged[1].ends_with(" s"));
    assert_eq!(told.events.tasks(), [(Status::Success, "2 statements".to_owned())]);
    let own = connection_schema(house.pool, house.connection);
    assert_eq!(house.warehouse.schemas(), [[own, global_schema(house.pool)]]);
}

#[tokio::test]
async fn a_failed_statement_is_named_with_its_line_and_nothing_is_kept() {
    let house = House::new();
    house.warehouse.trouble(Trouble::Fails("nothing_here"));
    let script = "CREATE TABLE a (x INT);\nSELECT *\nFROM nothing_here;\nSELECT 3";
    let tasks = vec![house.transformation(script), house.transformation("SELECT 4")];
    let told = house.run(ExtractionMode::Full, tasks).await;
    let expected =
        "task Transform: statement 2 (line 2): no such thing; nothing of this transformation was kept";
    assert_eq!(told.outcome, Outcome::Failed(expected.to_owned()));
    assert!(house.warehouse.scripts().is_empty());
    let ends: Vec<Status> = told.events.steps().into_iter().map(|step| step.1).collect();
    assert_eq!(ends, [Status::Success, Status::Fail]);
    assert_eq!(told.events.logged("STATEMENT_FAILED"), ["statement 2 (line 2): no such thing"]);
    let last = told.events.all().into_iter().rev().find_map(|event| match event {
        Event::Log { code, .. } => Some(code),
        _ => None,
    });
    // Clients show the newest message as the reason.
    assert_eq!(last.as_deref(), Some("TASK_FAILED"));
    let ends: Vec<Status> = told.events.tasks().into_iter().map(|task| task.0).collect();
    assert_eq!(ends, [Status::Fail, Status::Skipped]);
}

#[tokio::test]
async fn a_script_that_cannot_be_read_begins_nothing() {
    let house = House::new();
    let told = house.run(ExtractionMode::Full, vec![house.transformation("SELECT 1;\nSELECT 'x")]).await;
    assert!(matches!(&told.outcome, Outcome::Failed(text) if text.contains("line 2")), "{:?}", told.outcome);
    assert!(house.warehouse.schemas().is_empty());
}

#[tokio::test]
async fn a_script_without_statements_is_skipped() {
    let house = House::new();
    let tasks = vec![house.transformation(" -- later\n;"), house.transformation("SELECT 1")];
    let told = house.run(ExtractionMode::Full, tasks).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    let ends: Vec<Status> = told.events.tasks().into_iter().map(|task| task.0).collect();
    assert_eq!(ends, [Status::Skipped, Status::Success]);
}

#[tokio::test]
async fn a_global_job_finds_names_in_the_global_schema_alone() {
    let house = House::new();
    let mut spec = house.spec(ExtractionMode::Full, vec![house.transformation("SELECT 1")]);
    spec.connection_id = None;
    house.run_spec(spec).await;
    assert_eq!(house.warehouse.schemas(), [[global_schema(house.pool)]]);
}

#[tokio::test]
async fn lines_are_those_of_the_script_as_it_was_written() {
    let house = House::new();
    let text = constant("columns", ParameterType::String, &["a,\n b,\n c"]);
    let script = "SELECT <%=columns%> FROM x; SELECT 2;\nSELECT\n<%=columns%>;\nSELECT 4";
    let task = TaskSpec { parameters: vec![text], ..house.transformation(script) };
    let told = house.run(ExtractionMode::Full, vec![task]).await;
    let names: Vec<String> = told.events.steps().into_iter().map(|step| step.0).collect();
    let lines =
        ["statement 1 (line 1)", "statement 2 (line 1)", "statement 3 (line 2)", "statement 4 (line 4)"];
    assert_eq!(names, lines);
}
