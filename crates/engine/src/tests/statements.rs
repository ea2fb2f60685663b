//! SQL of a transformation that is asked and not executed.

use forebay_core::id::DataJobId;
use forebay_core::job::TaskKind;

use super::deletions::parameter;
use super::house::{House, is_invalid, is_not_found, name, postgres};
use crate::NewConnection;

#[tokio::test]
async fn a_statement_is_asked_as_its_task_would_run_it() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let other = NewConnection { name: name("CRM"), ..postgres("x") };
    engine.create_data_connection(admin, pool, other).await.unwrap();
    let job = house.empty_job("a").await;
    let task = house.task(&job, "Transform", TaskKind::Transformation(None)).await;
    for (task, placeholder) in [(None, "since"), (None, "of the pool"), (Some(task.id), "since")] {
        engine.create_parameter(admin, parameter(pool, task, placeholder)).await.unwrap();
    }
    let id = task.id.to_string();
    let ask = async |task: Option<&str>, limit| {
        engine.query_statement(admin, pool, (job.id, task), "SELECT '<%=since%>'".to_owned(), limit).await
    };
    ask(Some(&id), 10).await.unwrap();
    ask(None, 10).await.unwrap();
    let asked = house.plane.scripts.lock().unwrap().clone();
    assert_eq!((asked[0].sql.as_str(), asked[0].limit), ("SELECT '<%=since%>'", 10));
    assert_eq!((asked[0].pool_id, asked[0].connection_id), (pool, job.connection_id));
    let mut names: Vec<&str> = asked[0].schemas.iter().map(|schema| schema.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["CRM", "ERP"]);
    for asked in &asked {
        // The task's own hides the pool's; without a task there are the pool's alone.
        let mut seen: Vec<&str> = asked.parameters.iter().map(|seen| seen.placeholder.as_str()).collect();
        seen.sort_unstable();
        assert_eq!(seen, ["of the pool", "since"]);
    }
    is_invalid(ask(Some(&id), 0).await, "limit", "between 1 and 1000000");
    is_not_found(ask(Some("None"), 1).await);
    let nowhere = (DataJobId::random(), None);
    is_not_found(engine.query_statement(admin, pool, nowhere, "SELECT 1".to_owned(), 1).await);
    assert_eq!(house.plane.scripts.lock().unwrap().len(), 2);
}
